"""Signs tokens, and hides where the private keys live."""

import threading
import time
import uuid
from collections.abc import Mapping
from typing import Any, Literal

import orjson
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from bedside.auth.database import Units
from bedside.auth.keys.sealing import Sealing
from bedside.auth.tables import SigningKey
from bedside.identity.clock import Clock

Algorithm = Literal["ES256", "RS256"]
ALGORITHMS: tuple[Algorithm, ...] = ("ES256", "RS256")
_PUBLISHED = ("next", "active", "retiring")
_RELOAD_AFTER_S = 60.0
_RSA_BITS = 2048


class Signer:
    """One active ES256 key for access tokens, one RS256 key for ID tokens.

    Another process may rotate them, so they are read again each minute.
    """

    def __init__(self, units: Units, sealing: Sealing, clock: Clock) -> None:
        self._units = units
        self._sealing = sealing
        self._clock = clock
        self._turn = threading.Lock()
        self._loaded_at = float("-inf")
        self._active: dict[str, ECKey | RSAKey] = {}
        self._published: dict[str, ECKey | RSAKey] = {}

    def prepare(self) -> None:
        """Makes the first keys of an installation. Safe when two processes do it at once."""
        for algorithm in ALGORITHMS:
            try:
                self._ensure_active(algorithm)
            except IntegrityError:
                continue
        self._load()

    def sign(self, claims: Mapping[str, Any], *, algorithm: Algorithm, typ: str) -> str:
        self._reload_when_old()
        key = self._active[algorithm]
        return jwt.encode({"alg": algorithm, "typ": typ, "kid": key.kid}, dict(claims), key, algorithms=[algorithm])

    def public_key(self, kid: str) -> ECKey | None:
        """The published ES256 key of that name."""
        self._reload_when_old()
        key = self._published.get(kid)
        return key if isinstance(key, ECKey) else None

    def id_token_key(self, kid: str) -> RSAKey | None:
        self._reload_when_old()
        key = self._published.get(kid)
        return key if isinstance(key, RSAKey) else None

    def jwks(self) -> dict[str, Any]:
        self._reload_when_old()
        return {"keys": [dict(key.as_dict(private=False)) for key in self._published.values()]}

    def kids(self) -> list[str]:
        """The names of the keys that sign access tokens and are published now, sorted."""
        self._reload_when_old()
        return sorted(kid for kid, key in self._published.items() if isinstance(key, ECKey))

    def _ensure_active(self, algorithm: Algorithm) -> None:
        with self._units.unit() as session:
            known = session.exec(
                select(SigningKey).where(SigningKey.algorithm == algorithm, SigningKey.state == "active")
            ).first()
            if known is not None:
                return
            key = _new_key(algorithm, kid=str(uuid.uuid4()))
            assert key.kid is not None
            private = orjson.dumps(key.as_dict(private=True))
            session.add(
                SigningKey(
                    kid=key.kid,
                    algorithm=algorithm,
                    state="active",
                    public=dict(key.as_dict(private=False)),
                    sealed=self._sealing.seal(private, bound_to=key.kid),
                    created_at=self._clock.now(),
                )
            )

    def _reload_when_old(self) -> None:
        if time.monotonic() - self._loaded_at > _RELOAD_AFTER_S:
            with self._turn:
                if time.monotonic() - self._loaded_at > _RELOAD_AFTER_S:
                    self._load()

    def _load(self) -> None:
        with self._units.reading() as session:
            rows = session.exec(select(SigningKey).where(col(SigningKey.state).in_(_PUBLISHED))).all()
        keys = {row.kid: _imported(self._sealing.open(row.sealed, bound_to=row.kid)) for row in rows}
        self._published = keys
        self._active = {row.algorithm: keys[row.kid] for row in rows if row.state == "active"}
        self._loaded_at = time.monotonic()


def _new_key(algorithm: Algorithm, *, kid: str) -> ECKey | RSAKey:
    parameters: Any = {"kid": kid, "use": "sig", "alg": algorithm}
    if algorithm == "ES256":
        return ECKey.generate_key("P-256", parameters, private=True)
    return RSAKey.generate_key(_RSA_BITS, parameters, private=True)


def _imported(private: bytes) -> ECKey | RSAKey:
    jwk = orjson.loads(private)
    return ECKey.import_key(jwk) if jwk["kty"] == "EC" else RSAKey.import_key(jwk)
