"""Proofs that were seen: each is good once, as long as this process remembers."""

import hashlib
from datetime import datetime

from bedside.identity.possession import Proof
from bedside.identity.refusal import Refused, Unreachable

SEEN_KEPT_MAX = 100_000
_FORGOTTEN_AT_ONCE = 8


class Replays:
    """Keeps what is still of use, and no more than it has room for: without room it admits nobody."""

    def __init__(self, kept_max: int = SEEN_KEPT_MAX) -> None:
        self._kept_max = kept_max
        self._until: dict[bytes, datetime] = {}

    def use_up(self, proof: Proof, *, now: datetime) -> None:
        """To be asked when all else is right. Raises Refused, and Unreachable when there is no room."""
        self._forget(now)
        name = hashlib.sha256(f"{proof.thumbprint} {proof.jti}".encode()).digest()[:16]
        if name in self._until:
            raise Refused("proof-replayed", error="invalid_dpop_proof")
        if len(self._until) >= self._kept_max:
            raise Unreachable("more proofs were shown than can be remembered")
        self._until[name] = proof.until

    def __len__(self) -> int:
        return len(self._until)

    def _forget(self, now: datetime) -> None:
        # Oldest first, more than are added. One that is good for longer holds up those behind it, for two minutes.
        for _ in range(_FORGOTTEN_AT_ONCE):
            name = next(iter(self._until), None)
            if name is None or self._until[name] > now:
                return
            del self._until[name]
