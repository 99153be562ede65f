"""Which key a client proves to hold, when it asks for a token. https://www.rfc-editor.org/rfc/rfc9449#section-5"""

from sqlmodel import Session

from bedside.auth.authority import Authority
from bedside.auth.protocol.client_request import ClientRequest
from bedside.auth.refusals import OAuthRefused
from bedside.auth.seen import first_time
from bedside.auth.tables import Client
from bedside.identity.possession import Proof, Shown
from bedside.identity.refusal import Refused


def proven_key(
    authority: Authority, session: Session, client: Client, request: ClientRequest, *, path: str
) -> str | None:
    """Its thumbprint; None without a proof, which a client may be registered to need. Raises OAuthRefused."""
    if not request.proofs:
        if client.bound_to_dpop:
            raise invalid_proof("proof-absent")
        return None
    proof = _looked_at(authority, request, path)
    # Every process of auth asks the same table: of two at once the database lets one.
    now = authority.clock.now()
    if not first_time(session, whose=f"key {proof.thumbprint}", jti=proof.jti, until=proof.until, now=now):
        raise invalid_proof("proof-replayed")
    return proof.thumbprint


def invalid_proof(reason: str) -> OAuthRefused:
    return OAuthRefused("invalid_dpop_proof", f"the proof of possession is not accepted: {reason}", reason=reason)


def _looked_at(authority: Authority, request: ClientRequest, path: str) -> Proof:
    installation = authority.installation
    addresses = tuple(f"{base}{path}" for base in (installation.issuer, installation.addresses["auth"]))
    try:
        return Shown(request.proofs, "POST", addresses).proof(now=authority.clock.now())
    except Refused as refused:
        raise invalid_proof(refused.reason) from refused
