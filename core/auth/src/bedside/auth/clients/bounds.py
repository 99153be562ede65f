"""What a client may be registered for by whoever is not an administrator."""

from dataclasses import dataclass

from bedside.auth.clients.metadata import ClientMetadata, bad_metadata
from bedside.auth.tables import Client
from bedside.identity.roles import ANYONE
from bedside.identity.scopes import Scopes

_PERSONAL = Scopes.parse("user/*.cruds patient/*.cruds").union(ANYONE)


@dataclass(frozen=True)
class Bounds:
    """Nothing internal, nothing for a program by itself: what an app gets, a person has to grant."""

    scopes: Scopes
    grant_types: frozenset[str]
    audiences: frozenset[str]
    exchange_audiences: frozenset[str] = frozenset()

    @classmethod
    def of_an_app(cls, fhir_base: str) -> "Bounds":
        return cls(_PERSONAL, frozenset({"authorization_code", "refresh_token"}), frozenset({fhir_base}))

    def and_what_has(self, client: Client) -> "Bounds":
        """Who changes their own registration keeps what an administrator gave, and gains nothing more."""
        return Bounds(
            self.scopes.union(Scopes.parse(client.scope)),
            self.grant_types | set(client.grant_types),
            self.audiences | set(client.audiences),
            self.exchange_audiences | set(client.exchange_audiences),
        )

    def check(self, metadata: ClientMetadata) -> None:
        """Raises OAuthRefused invalid_client_metadata."""
        if not set(metadata.grant_types) <= self.grant_types:
            raise bad_metadata("this token does not register clients for that grant type")
        if not self.scopes.covers(Scopes.parse(metadata.scope)):
            raise bad_metadata("this token does not register clients for that scope")
        if not set(metadata.audiences) <= self.audiences:
            raise bad_metadata("this token does not register clients for that audience")
        if not set(metadata.exchange_audiences) <= self.exchange_audiences:
            raise bad_metadata("this token does not register clients that exchange tokens")
