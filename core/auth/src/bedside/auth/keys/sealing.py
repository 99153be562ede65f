"""Secrets at rest: AES-GCM under one master key, from which other secrets of this installation are derived."""

import hashlib
import hmac
import secrets

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12


class Sealing:
    """`master` is any text with at least 256 bits of randomness, the same for every process of the installation."""

    def __init__(self, master: str) -> None:
        self._master = master.encode()

    def seal(self, plain: bytes, *, bound_to: str) -> bytes:
        """What is sealed opens only under the same `bound_to`, so that rows cannot be swapped."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher().encrypt(nonce, plain, bound_to.encode())

    def open(self, sealed: bytes, *, bound_to: str) -> bytes:
        return self._cipher().decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound_to.encode())

    def mark(self, purpose: str, text: str) -> str:
        """A keyed hash, hexadecimal: the same text always gives the same mark, which nobody else can make."""
        return hmac.new(self._derived(purpose), text.encode(), hashlib.sha256).hexdigest()

    def _cipher(self) -> AESGCM:
        return AESGCM(self._derived("seal"))

    def _derived(self, purpose: str) -> bytes:
        return hmac.new(self._master, f"bedside auth {purpose}".encode(), hashlib.sha256).digest()
