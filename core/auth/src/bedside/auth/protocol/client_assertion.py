"""A client proves itself by a signature. https://www.rfc-editor.org/rfc/rfc7523#section-3 and, narrower,
https://hl7.org/fhir/smart-app-launch/client-confidential-asymmetric.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from sqlmodel import Session

from bedside.auth.authority import Authority
from bedside.auth.client_keys import PublicKey, registered_keys
from bedside.auth.directory import active_client
from bedside.auth.parameters import Parameters
from bedside.auth.refusals import invalid_client, invalid_request
from bedside.auth.seen import first_time
from bedside.auth.tables import Client
from bedside.identity import Refused, Unverified
from bedside.identity.service_key import ASSERTION_TYPE
from bedside.identity.smart_configuration import ASSERTION_ALGORITHMS
from bedside.identity.token import SKEW

LIFE_MAX = timedelta(minutes=5)
_JTI_CHARACTERS_MAX = 500
_SECONDS_MAX = 2**36
_TYPES = frozenset({"jwt", "client-authentication+jwt"})
# `crit` demands what we do not know; the others bring along the key to be believed by.
_NOT_IN_HEADERS = frozenset({"crit", "b64", "jwk", "x5u", "x5c"})


@dataclass(frozen=True)
class Assertion:
    """An assertion taken apart; nothing of it is proven. `client_id` is whom it speaks of."""

    token: Unverified
    client_id: str
    kid: str
    algorithm: str


def assertion(parameters: Parameters) -> Assertion:
    """Raises OAuthRefused."""
    # Inferno sends another type and expects 400: it is the request that is wrong, not the proof.
    if parameters.get("client_assertion_type") != ASSERTION_TYPE:
        raise invalid_request("client_assertion_type is not the one of JWT assertions")
    try:
        token = Unverified.parse(parameters.get("client_assertion") or "")
    except Refused as refused:
        raise invalid_client(f"assertion-{refused.reason}") from refused
    subject, kid, algorithm = token.claims.get("sub"), token.header.get("kid"), token.header.get("alg")
    if algorithm not in ASSERTION_ALGORITHMS:
        raise invalid_client("assertion-algorithm")
    if not _well_typed(token.header) or _NOT_IN_HEADERS & set(token.header):
        raise invalid_client("assertion-header")
    if not isinstance(kid, str) or not kid:
        raise invalid_client("assertion-key")
    if not isinstance(subject, str) or not subject or "\x00" in subject or token.claims.get("iss") != subject:
        raise invalid_client("assertion-subject")
    if parameters.get("client_id") not in (None, subject):
        raise invalid_request("two different client ids")
    return Assertion(token, subject, kid, algorithm)


def keys_at(authority: Authority, asserted: Assertion) -> str | None:
    """The address where this client keeps its keys, if it does."""
    with authority.units.reading() as session:
        client = active_client(session, asserted.client_id)
        return client.jwks_uri if client is not None and client.auth_method == "private_key_jwt" else None


def proven_client(authority: Authority, session: Session, asserted: Assertion) -> Client:
    """The client, if the assertion is its own, made for us, for now, and not used before. Raises OAuthRefused."""
    client = active_client(session, asserted.client_id)
    key = _key(authority, client, asserted)
    # Who is unknown, or uses another method, is verified against a key of nobody: it takes the same time.
    signed = _signed_by(key or _nobodys(asserted.algorithm), asserted)
    if client is None:
        raise invalid_client("unknown-client")
    if client.auth_method != "private_key_jwt":
        raise invalid_client("wrong-method")
    if key is None:
        raise invalid_client("assertion-key")
    if not signed:
        raise invalid_client("assertion-signature")
    expires_at = _checked_claims(authority, client, asserted.token)
    _use_up(authority, session, client, asserted.token, expires_at)
    return client


def _key(authority: Authority, client: Client | None, asserted: Assertion) -> PublicKey | None:
    if client is None or client.auth_method != "private_key_jwt":
        return None
    # What the client said about itself last holds; an address it once had does not.
    keys = (
        registered_keys(client.jwks) if client.jwks is not None else authority.client_keys.keys(client.jwks_uri or "")
    )
    key = keys.get(asserted.kid)
    return key if key is not None and key.algorithm == asserted.algorithm else None


def _signed_by(key: PublicKey, asserted: Assertion) -> bool:
    try:
        # Without the list RS384 and ES384 would not pass, and HS256 would.
        jws.deserialize_compact(asserted.token.compact, key.key, algorithms=[key.algorithm])
    except (JoseError, ValueError):
        return False
    return True


@cache
def _nobodys(algorithm: str) -> PublicKey:
    if algorithm == "RS384":
        return PublicKey("nobody", algorithm, RSAKey.generate_key(2_048, private=False))
    curve = "P-384" if algorithm == "ES384" else "P-256"
    return PublicKey("nobody", algorithm, ECKey.generate_key(curve, private=False))


def _checked_claims(authority: Authority, client: Client, token: Unverified) -> datetime:
    """When it ends. Raises OAuthRefused."""
    now, issuer = authority.clock.now(), authority.installation.issuer
    accepted = {issuer} if client.assertion_to_issuer else {issuer, f"{issuer}/token", f"{issuer}/par"}
    # One string: a list would be good at another server, too, who could then use it here.
    audience = token.claims.get("aud")
    if not isinstance(audience, str) or audience not in accepted:
        raise invalid_client("assertion-audience")
    expires_at = _instant(token.claims, "exp")
    if expires_at is None or expires_at + SKEW <= now or expires_at - SKEW > now + LIFE_MAX:
        raise invalid_client("assertion-expiry")
    for name in ("nbf", "iat"):
        at = _instant(token.claims, name)
        if name in token.claims and (at is None or at - SKEW > now):
            raise invalid_client("assertion-not-yet-valid")
    return expires_at


def _use_up(authority: Authority, session: Session, client: Client, token: Unverified, expires_at: datetime) -> None:
    jti = token.claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= _JTI_CHARACTERS_MAX:
        raise invalid_client("assertion-jti")
    # Last of all: an assertion that is refused for something else must not be burnt by whoever sent it.
    now = authority.clock.now()
    if not first_time(session, whose=f"client {client.id}", jti=jti, until=expires_at + SKEW, now=now):
        raise invalid_client("assertion-replayed")


def _well_typed(header: Mapping[str, Any]) -> bool:
    """A token made for something else, as its type tells, is no assertion."""
    typ = header.get("typ", "JWT")
    return isinstance(typ, str) and typ.lower().removeprefix("application/") in _TYPES


def _instant(claims: Mapping[str, Any], name: str) -> datetime | None:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _SECONDS_MAX:
        return None
    return datetime.fromtimestamp(value, UTC)
