"""The bearer of one of our own tokens, at auth's own APIs."""

from sqlmodel import Session
from starlette.requests import Request

from bedside.auth.authority import Authority
from bedside.auth.bearers import verified
from bedside.identity import Caller, Refused


def caller(authority: Authority, session: Session, request: Request) -> Caller:
    """Raises identity's Refused."""
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not bearer:
        raise Refused("absent")
    token = verified(authority, session, bearer.strip(), audiences=authority.installation.own_audiences)
    return Caller.of(token)
