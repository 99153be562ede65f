"""From the bytes after "Bearer" to a token that proves something, or to a reason why not.

Profile: https://www.rfc-editor.org/rfc/rfc9068, ES256 only. The checks run in the order in which the least is risked:
size, `typ` and `alg`, `kid`, signature, claims, denylist.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cachetools import LRUCache
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from bedside.identity.clock import SYSTEM_CLOCK, Clock
from bedside.identity.compact import object_of
from bedside.identity.denylist import Denylist
from bedside.identity.emergency import BrokenGlass, broken_glasses
from bedside.identity.hearing import Hearing
from bedside.identity.keys import Keys
from bedside.identity.possession import Places, Proof, Shown, key_bound_to
from bedside.identity.refusal import Deaf, Refused
from bedside.identity.replays import Replays
from bedside.identity.scopes import Scopes

TOKEN_BYTES_MAX = 8_192
SKEW = timedelta(seconds=60)
VERIFIED_KEPT_MAX = 4_096
_KID_MAX = 128
SECONDS_MAX = 2**36  # the year 4147
_HEADER_ALLOWED = frozenset({"alg", "typ", "kid"})


@dataclass(frozen=True)
class Unverified:
    """A token taken apart, and believed in nothing."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    compact: str = field(repr=False)

    @classmethod
    def parse(cls, bearer: str) -> "Unverified":
        """Raises Refused("too-large") or Refused("malformed")."""
        if len(bearer) > TOKEN_BYTES_MAX:
            raise Refused("too-large")
        parts = bearer.split(".")
        if len(parts) != 3:
            raise Refused("malformed")
        return cls(_object(parts[0]), _object(parts[1]), bearer)


@dataclass(frozen=True)
class Verified:
    """A token whose every check has passed."""

    subject: str
    client_id: str
    audience: frozenset[str]
    scopes: Scopes
    token_id: str
    session_id: str
    issued_at: datetime
    expires_at: datetime
    claims: Mapping[str, Any] = field(repr=False)
    glasses: tuple[BrokenGlass, ...] = ()
    """The emergency accesses that it speaks of."""


class Verifier:
    """One per service: it accepts tokens of one issuer, for these audiences."""

    def __init__(
        self,
        issuer: str,
        audiences: Collection[str],
        keys: Keys,
        denylist: Denylist | None = None,
        clock: Clock = SYSTEM_CLOCK,
        *,
        hearing: Hearing | None = None,
        places: Places = (),
    ) -> None:
        """`hearing` says whether the denylist is up to date. Only who asks auth's own tables can do without it.

        `places` are what a proof of possession may call this service; without one no bound token is accepted.
        """
        self._issuer = issuer
        self._audiences = frozenset(audiences)
        self._keys = keys
        self._denylist = denylist if denylist is not None else Denylist(clock)
        self._clock = clock
        self._hearing = hearing
        self._replays = Replays()
        self.places = places
        self._verified: LRUCache[str, Verified] = LRUCache(VERIFIED_KEPT_MAX)

    async def verify(self, bearer: str, shown: Shown | None = None) -> Verified:
        """`shown` is what came with a token of the scheme DPoP; None for a bearer token.

        Raises Refused with the reason, Deaf while nobody knows what was revoked. A token seen before costs a look-up,
        and still expires and is revoked.
        """
        known = self._verified.get(bearer)
        if known is None:
            known = await self._examined(bearer)
            self._check_denylist(known)
            self._verified[bearer] = known
        else:
            if known.expires_at + SKEW <= self._clock.now():
                self._verified.pop(bearer, None)
                raise Refused("expired")
            self._check_denylist(known)
        proof = possessed(known, bearer, shown, now=self._clock.now())
        if proof is not None:
            self._replays.use_up(proof, now=self._clock.now())
        return known

    async def _examined(self, bearer: str) -> Verified:
        token = Unverified.parse(bearer)
        key = await self._keys.key(key_id(token))
        return examine(token, key, issuer=self._issuer, audiences=self._audiences, now=self._clock.now())

    def _check_denylist(self, token: Verified) -> None:
        if self._hearing is not None and self._hearing.deaf:
            raise Deaf
        if self._denylist.refuses(
            token_id=token.token_id,
            session_id=token.session_id,
            client_id=token.client_id,
            subject=token.subject,
            issued_at=token.issued_at,
            glasses=[glass.id for glass in token.glasses] if token.glasses else (),
        ):
            raise Refused("revoked")


def possessed(token: Verified, bearer: str, shown: Shown | None, *, now: datetime) -> Proof | None:
    """The proof that a bound token was shown with; None for a token that is not bound. Raises Refused.

    https://www.rfc-editor.org/rfc/rfc9449#section-7
    """
    bound_to = key_bound_to(token.claims)
    if bound_to is None:
        if shown is not None:
            raise Refused("not-bound")
        return None
    if shown is None:
        raise Refused("bound")
    proof = shown.proof(now=now, token=bearer)
    if proof.thumbprint != bound_to:
        raise Refused("proof-by-other-key")
    return proof


def key_id(token: Unverified) -> str:
    """Which key to look for, once the header is one that we write. Raises Refused."""
    typ = token.header.get("typ")
    if not isinstance(typ, str) or typ.lower().removeprefix("application/") != "at+jwt":
        raise Refused("wrong-type")
    if token.header.get("alg") != "ES256":
        raise Refused("wrong-algorithm")
    # Keys named by the token itself (jku, jwk, x5u, x5c) and `crit` are not looked at: no token of ours has them.
    if not token.header.keys() <= _HEADER_ALLOWED:
        raise Refused("unexpected-header")
    kid = token.header.get("kid")
    if not isinstance(kid, str) or not kid or len(kid) > _KID_MAX:
        raise Refused("unknown-key")
    return kid


def examine(token: Unverified, key: ECKey, *, issuer: str, audiences: Collection[str], now: datetime) -> Verified:
    """Signature, then claims. Revocation is not looked at: a denylist knows that. Raises Refused."""
    try:
        jws.deserialize_compact(token.compact, key, algorithms=["ES256"])
    except (JoseError, ValueError) as error:
        raise Refused("bad-signature") from error
    claims = token.claims
    if _text(claims, "iss") != issuer:
        raise Refused("wrong-issuer")
    audience = _audience(claims)
    if audience.isdisjoint(audiences):
        raise Refused("wrong-audience")
    issued_at, expires_at = _instant(claims, "iat"), _instant(claims, "exp")
    if expires_at + SKEW <= now:
        raise Refused("expired")
    if "nbf" in claims and _instant(claims, "nbf") - SKEW > now:
        raise Refused("not-yet-valid")
    if issued_at - SKEW > now:
        raise Refused("issued-in-future")
    return Verified(
        subject=_text(claims, "sub"),
        client_id=_text(claims, "client_id"),
        audience=audience,
        scopes=Scopes.parse(_text(claims, "scope")),
        token_id=_text(claims, "jti"),
        session_id=_text(claims, "sid"),
        issued_at=issued_at,
        expires_at=expires_at,
        claims=claims,
        glasses=broken_glasses(claims),
    )


def _object(part: str) -> Mapping[str, Any]:
    try:
        return object_of(part)
    except ValueError as error:
        raise Refused("malformed") from error


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or (not value and name != "scope"):
        raise Refused("missing-claim")
    return value


def _instant(claims: Mapping[str, Any], name: str) -> datetime:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused("missing-claim")
    if not 0 <= value <= SECONDS_MAX:
        raise Refused("malformed")
    return datetime.fromtimestamp(value, UTC)


def _audience(claims: Mapping[str, Any]) -> frozenset[str]:
    value = claims.get("aud")
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not values or not all(isinstance(one, str) for one in values):
        raise Refused("missing-claim")
    return frozenset(values)
