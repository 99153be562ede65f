"""What the environment says about this installation, with a default that works on one machine."""

import hmac
import os
from datetime import UTC, datetime
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Literal, Self, get_args
from urllib.parse import urlsplit, urlunsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AwareDatetime, Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from bedside.identity import ServiceKey
from bedside.service.secrets import kept_secret
from bedside.service.service_keys import given_key, given_public_keys, proof_of, public_keys_of

ServiceName = Literal["gateway", "patients", "encounters", "auth"]
SERVICES: tuple[ServiceName, ...] = get_args(ServiceName)
_LOOPBACK = {"127.0.0.1", "localhost", "::1", None, ""}


class Settings(BaseSettings):
    """Read from `BEDSIDE_…`; `Settings()` raises ValidationError naming the variable that makes no sense."""

    model_config = SettingsConfigDict(env_prefix="BEDSIDE_", extra="ignore", frozen=True, populate_by_name=True)

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65532)
    data_dir: Path = Path(".data")
    database_server: str | None = Field(default=None, validation_alias="BEDSIDE_DATABASE_URL")
    broker_url: str | None = None
    demo: bool = False
    test_mode: bool = False
    clock: AwareDatetime | None = None
    time_zone: str = "Europe/London"
    locale: str = "en-GB"
    gateway_url: str | None = None
    patients_url: str | None = None
    encounters_url: str | None = None
    auth_url: str | None = None
    fhir_base_url: str | None = Field(default=None, validation_alias="BEDSIDE_FHIR_BASE")
    issuer_url: str | None = Field(default=None, validation_alias="BEDSIDE_ISSUER")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    body_max_mb: int = Field(default=50, ge=1, le=1024)
    check_references: bool = True
    validate_profiles: bool = False
    trusted_proxies: str = ""
    """Addresses or networks, comma between: whose `X-Forwarded-For` is believed."""

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except ZoneInfoNotFoundError as error:
            raise ValueError(f"{name} is no time zone") from error
        return name

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, named: str) -> str:
        networks(named)
        return named

    @model_validator(mode="after")
    def _test_mode_stays_on_this_machine(self) -> Self:
        if self.clock and not self.test_mode:
            raise ValueError("BEDSIDE_CLOCK is for tests: it needs BEDSIDE_TEST_MODE=1")
        if self.test_mode:
            named = [self.host, *(urlsplit(url).hostname for url in self._urls() if url)]
            if outside := [host for host in named if host not in _LOOPBACK]:
                raise ValueError(
                    f"BEDSIDE_TEST_MODE=1 stands beside production settings ({outside[0]}): refusing to start"
                )
        return self

    @model_validator(mode="after")
    def _given_keys_can_be_read(self) -> Self:
        for service in SERVICES:
            given_key(service)
            given_public_keys(service)
        return self

    def address(self, service: ServiceName) -> str:
        """Where the others find it, without a final slash."""
        given: str | None = getattr(self, f"{service}_url")
        return (given or f"http://127.0.0.1:{self.port_of(service)}").rstrip("/")

    def port_of(self, service: ServiceName) -> int:
        return self.port + SERVICES.index(service)

    @property
    def fhir_base(self) -> str:
        return (self.fhir_base_url or f"{self.address('gateway')}/fhir").rstrip("/")

    @property
    def issuer(self) -> str:
        """What `iss` says. Browsers must reach it; where services reach auth is `address("auth")`."""
        return (self.issuer_url or self.address("auth")).rstrip("/")

    def database_url(self, service: ServiceName) -> str:
        """Each service's own: a file in the data folder, or `<name in BEDSIDE_DATABASE_URL or bedside>_<service>`."""
        if self.database_server is None:
            return f"sqlite:///{(self.data_dir / f'{service}.db').resolve()}"
        parts = urlsplit(self.database_server)
        name = parts.path.strip("/")
        prefix = "bedside" if name in ("", "postgres") else name
        return urlunsplit(parts._replace(path=f"/{prefix}_{service}"))

    def service_proof(self, service: ServiceName) -> ServiceKey | str:
        """The key by which this service signs in at auth, or its secret."""
        return proof_of(service, self.data_dir)

    def service_public_keys(self, service: ServiceName) -> dict[str, Any] | None:
        """The JWK Set by which auth knows it; None where it signs in by a secret."""
        return public_keys_of(service, self.data_dir)

    def sealing_key(self, service: ServiceName, purpose: str) -> bytes:
        """32 bytes that every replica of the service has, and nobody else: derived from what it proves itself by."""
        proof = self.service_proof(service)
        if isinstance(proof, ServiceKey):
            return proof.derived(purpose)
        return hmac.digest(proof.encode(), purpose.encode(), "sha256")

    def kept_secret(self, name: str) -> str:
        """`BEDSIDE_SECRET_<NAME>`, else a random one, made once and kept in the data folder with mode 0600."""
        given = os.environ.get(f"BEDSIDE_SECRET_{name.upper().replace('-', '_')}")
        return given or kept_secret(self.data_dir / "keys", name)

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @property
    def proxies(self) -> tuple[IPv4Network | IPv6Network, ...]:
        return networks(self.trusted_proxies)

    @property
    def clock_utc(self) -> datetime | None:
        return self.clock.astimezone(UTC) if self.clock else None

    def _urls(self) -> list[str | None]:
        addresses: list[str | None] = [self.address(service) for service in SERVICES]
        return [*addresses, self.fhir_base, self.issuer, self.database_server, self.broker_url]


def networks(named: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """ValueError for what is no address or network, such as one whose last bits say more than its length."""
    return tuple(ip_network(part.strip()) for part in named.split(",") if part.strip())
