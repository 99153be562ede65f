"""Reading our own access tokens, against the database itself."""

from collections.abc import Collection

from sqlmodel import Session

from bedside.auth.authority import Authority
from bedside.auth.directory import active_client, active_user
from bedside.auth.revocation import is_revoked
from bedside.identity import Refused, Unverified, Verified
from bedside.identity.token import examine, key_id


def verified(authority: Authority, session: Session, bearer: str, *, audiences: Collection[str]) -> Verified:
    """Like every service's verifier, but knows at once what was revoked or disabled. Raises Refused."""
    token = Unverified.parse(bearer)
    key = authority.signer.public_key(key_id(token))
    if key is None:
        raise Refused("unknown-key")
    known = examine(token, key, issuer=authority.installation.issuer, audiences=audiences, now=authority.clock.now())
    if is_revoked(session, known) or active_client(session, known.client_id) is None:
        raise Refused("revoked")
    if known.subject != known.client_id and active_user(session, known.subject) is None:
        raise Refused("revoked")
    return known
