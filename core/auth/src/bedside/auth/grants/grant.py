"""What a grant is: from an authenticated client's request to the token response."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from bedside.auth.authority import Authority
from bedside.auth.parameters import Parameters
from bedside.auth.refusals import invalid_request
from bedside.auth.tables import Client


@dataclass(frozen=True)
class Asked:
    """A token request whose client is known, registered for the grant, and whose parameters do not repeat."""

    authority: Authority
    session: Session
    client: Client
    parameters: Parameters
    key: str | None = None
    """The thumbprint of the key that the client proved to hold: what it is given is bound to it."""

    def required(self, name: str) -> str:
        value = self.parameters.get(name)
        if value is None:
            raise invalid_request(f"{name} is missing")
        return value


Grant = Callable[[Asked], dict[str, Any]]
"""Returns the members of the token response. Raises OAuthRefused; what it wrote until then is kept."""
