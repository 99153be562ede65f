"""The bearer of one of our own tokens, at auth's own APIs."""

from sqlmodel import Session
from starlette.requests import Request

from bedside.auth.authority import Authority
from bedside.auth.bearers import verified
from bedside.identity import Caller, Verified
from bedside.identity.guard import credentials_of
from bedside.identity.possession import Shown
from bedside.identity.token import possessed


def caller(authority: Authority, session: Session, request: Request) -> Caller:
    """Raises identity's Refused, and Unreachable when a proof of possession cannot be remembered."""
    return Caller.of(verified_bearer(authority, session, request))


def verified_bearer(authority: Authority, session: Session, request: Request) -> Verified:
    """The token itself, for who looks at how its person signed in. Raises as `caller` does."""
    scheme, bearer = credentials_of(request.headers.raw)
    shown = Shown.of(request.scope, authority.installation.places) if scheme == "dpop" else None
    token = verified(authority, session, bearer, audiences=authority.installation.own_audiences)
    now = authority.clock.now()
    proof = possessed(token, bearer, shown, now=now)
    if proof is not None:
        authority.proofs.use_up(proof, now=now)
    return token
