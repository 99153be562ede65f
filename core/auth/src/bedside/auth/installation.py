"""What auth must know of the installation it serves."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from bedside.service import ServiceName, Settings

SERVICES: "tuple[ServiceName, ...]" = ("gateway", "patients", "encounters", "auth")
"""The services that sign in as themselves."""


@dataclass(frozen=True)
class Installation:
    """Addresses have no final slash."""

    issuer: str
    fhir_base: str
    database_url: str
    master_secret: str = field(repr=False)
    addresses: Mapping[str, str]
    service_secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Of the services that sign in by a secret."""
    service_keys: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The JWK Sets of those that sign in by a key."""
    demo: bool = False
    """Whether people without a second factor may sign in without one."""
    zone: tzinfo = UTC
    """Whose clock administrators read, and where a date without a time zone is meant."""
    proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    """Those that are believed when they say for whom they ask."""

    @classmethod
    def of(cls, settings: "Settings") -> "Installation":
        known = {name: settings.service_public_keys(name) for name in SERVICES}
        secrets = {name: settings.service_proof(name) for name, keys in known.items() if keys is None}
        return cls(
            issuer=settings.issuer,
            fhir_base=settings.fhir_base,
            database_url=settings.database_url("auth"),
            master_secret=settings.kept_secret("auth-master"),
            addresses={name: settings.address(name) for name in SERVICES},
            service_secrets={name: secret for name, secret in secrets.items() if isinstance(secret, str)},
            service_keys={name: keys for name, keys in known.items() if keys is not None},
            demo=settings.demo,
            zone=settings.zone,
            proxies=settings.proxies,
        )

    @property
    def encrypted(self) -> bool:
        """Whether browsers reach auth by https; cookies are then Secure."""
        return urlsplit(self.issuer).scheme == "https"

    @property
    def passkey_host(self) -> str | None:
        """The name that passkeys are bound to; browsers offer none where auth is reached by a bare address."""
        host = urlsplit(self.issuer).hostname or ""
        return None if _is_address(host) else host

    @property
    def places(self) -> tuple[tuple[str, str], ...]:
        """What a proof of possession for auth's own APIs may say it calls."""
        return ("", self.issuer), ("", self.addresses["auth"])

    @property
    def own_audiences(self) -> tuple[str, ...]:
        """What tokens for auth's own APIs may name."""
        return tuple({self.fhir_base: None, self.issuer: None, self.addresses["auth"]: None})


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
