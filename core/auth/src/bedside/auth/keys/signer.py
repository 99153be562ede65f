"""Signs tokens, and hides where the private keys live."""

import threading
import time
from collections.abc import Mapping
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from sqlmodel import col, select

from bedside.auth.database import Units
from bedside.auth.keys.life import KeyState, key_states
from bedside.auth.keys.pair import ALGORITHMS, Algorithm, new_row, opened
from bedside.auth.keys.sealing import Sealing
from bedside.auth.putting import put_if_absent
from bedside.auth.tables import SigningKey
from bedside.identity.clock import Clock
from bedside.identity.token import SKEW

_RELOAD_AFTER_S = 5.0
_KEYS_MAX = 100


class Signer:
    """One active ES256 key for access tokens, one RS256 key for ID tokens.

    Another process may rotate them, so the rows are read again every few seconds. A new key is published for minutes
    before it signs: no process signs with what another does not know.
    """

    def __init__(self, units: Units, sealing: Sealing, clock: Clock) -> None:
        self._units = units
        self._sealing = sealing
        self._clock = clock
        self._turn = threading.Lock()
        self._loaded_at = float("-inf")
        self._rows: list[SigningKey] = []
        self._keys: dict[str, ECKey | RSAKey] = {}

    def prepare(self) -> None:
        """Makes the first keys of an installation. Safe when two processes do it at once."""
        for algorithm in ALGORITHMS:
            with self._units.reading() as session:
                known = session.exec(select(SigningKey.kid).where(SigningKey.algorithm == algorithm)).first()
            if known is None:
                now = self._clock.now()
                row = new_row(self._sealing, algorithm, follows=f"first {algorithm}", created_at=now, signs_from=now)
                with self._units.unit() as session:
                    put_if_absent(session, row)
        self.reload()

    def sign(self, claims: Mapping[str, Any], *, algorithm: Algorithm, typ: str) -> str:
        kid = next(state.kid for state in self._states(algorithm) if state.state == "active")
        return jwt.encode({"alg": algorithm, "typ": typ, "kid": kid}, dict(claims), self._keys[kid], [algorithm])

    def public_key(self, kid: str) -> ECKey | None:
        """The ES256 key of that name, if what it signs is accepted now."""
        key = self._accepted("ES256", kid)
        return key if isinstance(key, ECKey) else None

    def id_token_key(self, kid: str) -> RSAKey | None:
        key = self._accepted("RS256", kid)
        return key if isinstance(key, RSAKey) else None

    def jwks(self) -> dict[str, Any]:
        """What signs, will sign or has signed. A next key says by `nbf` (seconds) from when its tokens count."""
        return {
            "keys": [
                dict(self._keys[state.kid].as_dict(private=False))
                | ({"nbf": int(state.signs_from.timestamp())} if state.state == "next" else {})
                for algorithm in ALGORITHMS
                for state in self._states(algorithm)
                if state.state != "gone"
            ]
        }

    def kids(self) -> list[str]:
        """The names of the keys that sign access tokens and are published now, sorted."""
        return sorted(state.kid for state in self._states("ES256") if state.state != "gone")

    def reload(self) -> None:
        """After this process changed the keys."""
        with self._turn:
            self._load()

    def _accepted(self, algorithm: Algorithm, kid: str) -> ECKey | RSAKey | None:
        # A process whose clock is ahead signs with the next key a little earlier than ours would.
        signing_soon = self._clock.now() + SKEW
        accepted = any(
            state.kid == kid and state.state != "gone" and state.signs_from <= signing_soon
            for state in self._states(algorithm)
        )
        return self._keys[kid] if accepted else None

    def _states(self, algorithm: Algorithm) -> list[KeyState]:
        self._reload_when_old()
        rows = [row for row in self._rows if row.algorithm == algorithm]
        return key_states(rows, self._clock.now())

    def _reload_when_old(self) -> None:
        if time.monotonic() - self._loaded_at <= _RELOAD_AFTER_S:
            return
        # One thread reads; the others go on with what is known, which signs for minutes yet.
        if self._turn.acquire(blocking=not self._rows):
            try:
                if time.monotonic() - self._loaded_at > _RELOAD_AFTER_S:
                    self._load()
            finally:
                self._turn.release()

    def _load(self) -> None:
        statement = select(SigningKey).where(col(SigningKey.gone_at).is_(None)).order_by(col(SigningKey.signs_from))
        with self._units.reading() as session:
            rows = list(session.exec(statement.limit(_KEYS_MAX)).all())
        keys = {row.kid: self._keys.get(row.kid) or opened(self._sealing, row) for row in rows}
        # In this order: whoever finds a row finds its key.
        self._keys = self._keys | keys
        self._rows = rows
        self._keys = keys
        self._loaded_at = time.monotonic()
