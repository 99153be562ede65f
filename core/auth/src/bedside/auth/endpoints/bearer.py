"""The bearer of one of our own tokens, at auth's own APIs."""

from sqlmodel import Session
from starlette.requests import Request

from bedside.auth.authority import Authority
from bedside.auth.bearers import verified
from bedside.identity import Caller, Refused, Verified


def caller(authority: Authority, session: Session, request: Request) -> Caller:
    """Raises identity's Refused."""
    return Caller.of(verified_bearer(authority, session, request))


def verified_bearer(authority: Authority, session: Session, request: Request) -> Verified:
    """The token itself, for who looks at how its person signed in. Raises identity's Refused."""
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not bearer:
        raise Refused("absent")
    return verified(authority, session, bearer.strip(), audiences=authority.installation.own_audiences)
