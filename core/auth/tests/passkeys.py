"""An authenticator in software, as honest or as hostile as a test wants. https://www.w3.org/TR/webauthn-3/"""

import base64
import hashlib
import html
import json
import re
import secrets
from dataclasses import dataclass, field
from typing import Any

import cbor2
import httpx
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

HOST = "localhost"
ORIGIN = "http://localhost:8003"
PRESENT, VERIFIED, SYNCABLE, SYNCED, NEW_KEY = 0x01, 0x04, 0x08, 0x10, 0x40


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def options_of(page: httpx.Response) -> dict[str, Any]:
    """What the page asks of the browser."""
    found = re.search(r'data-options="([^"]+)"', page.text)
    assert found, page.text
    told: dict[str, Any] = json.loads(html.unescape(found[1]))
    return told


@dataclass
class Passkey:
    """One key; whatever is changed in a field is what the device then says."""

    origin: str = ORIGIN
    host: str = HOST
    flags: int = PRESENT | VERIFIED
    counter: int = 0
    counts: bool = True
    user_handle: bytes | None = None
    id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def create(self, options: dict[str, Any]) -> str:
        attested = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + self._public_key()
        data = self._data(self.flags | NEW_KEY) + attested
        said = self._said("webauthn.create", options)
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        return self._answer(clientDataJSON=base64url(said), attestationObject=base64url(attestation))

    def get(self, options: dict[str, Any]) -> str:
        self.counter += 1 if self.counts else 0
        data, said = self._data(self.flags), self._said("webauthn.get", options)
        signature = self.key.sign(data + hashlib.sha256(said).digest(), ec.ECDSA(SHA256()))
        handle = {"userHandle": base64url(self.user_handle)} if self.user_handle is not None else {}
        return self._answer(
            clientDataJSON=base64url(said),
            authenticatorData=base64url(data),
            signature=base64url(signature),
            **handle,
        )

    def _data(self, flags: int) -> bytes:
        return hashlib.sha256(self.host.encode()).digest() + bytes([flags]) + self.counter.to_bytes(4, "big")

    def _said(self, kind: str, options: dict[str, Any]) -> bytes:
        return json.dumps({"type": kind, "challenge": options["challenge"], "origin": self.origin}).encode()

    def _answer(self, **response: str) -> str:
        own = base64url(self.id)
        return json.dumps({"id": own, "rawId": own, "type": "public-key", "response": response})

    def _public_key(self) -> bytes:
        point = self.key.public_key().public_numbers()
        # COSE: an EC2 key for ES256 on P-256.
        return cbor2.dumps({1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")})
