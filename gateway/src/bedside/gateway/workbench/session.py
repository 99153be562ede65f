"""Who is signed in, sealed into a cookie: the gateway keeps nothing, so any of its replicas can read it."""

import base64
import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from starlette.requests import Request
from starlette.responses import Response

_NONCE_BYTES = 12
# Browsers drop cookies over 4 KB without a word.
_COOKIE_BYTES_MAX = 4000
_SESSION_LIFE_S = 12 * 3600
_SIGN_IN_LIFE_S = 600


@dataclass(frozen=True)
class Session:
    """`expires_at`: seconds since 1970, of the access token."""

    access_token: str
    refresh_token: str | None
    expires_at: int
    name: str
    roles: tuple[str, ...]

    def lives_for(self, seconds: int) -> bool:
        return self.expires_at - datetime.now(UTC).timestamp() > seconds


@dataclass(frozen=True)
class SignIn:
    """A sign-in under way: what the callback is compared with."""

    state: str
    verifier: str
    onward: str


class Cookies:
    """Seals with `key`, 32 bytes. `secure`: whether browsers reach us by https."""

    def __init__(self, key: bytes, *, secure: bool) -> None:
        self._seal = AESGCM(key)
        self._secure = secure
        self._prefix = "__Host-" if secure else ""

    def session(self, request: Request) -> Session | None:
        kept = self._opened(request, "bedside-session")
        return Session(**{**kept, "roles": tuple(kept["roles"])}) if kept else None

    def keep_session(self, response: Response, session: Session) -> None:
        self._set(response, "bedside-session", asdict(session), _SESSION_LIFE_S)

    def sign_in(self, request: Request) -> SignIn | None:
        kept = self._opened(request, "bedside-sign-in")
        return SignIn(**kept) if kept else None

    def keep_sign_in(self, response: Response, sign_in: SignIn) -> None:
        self._set(response, "bedside-sign-in", asdict(sign_in), _SIGN_IN_LIFE_S)

    def emergency(self, request: Request) -> dict[str, Any] | None:
        return self._opened(request, "bedside-emergency")

    def keep_emergency(self, response: Response, typed: dict[str, Any]) -> None:
        """What was typed, while the person shows anew who they are: it must not stand in an address."""
        self._set(response, "bedside-emergency", typed, _SIGN_IN_LIFE_S)

    def forget_emergency(self, response: Response) -> None:
        self._forget(response, "bedside-emergency")

    def id_token(self, request: Request) -> str | None:
        kept = self._opened(request, "bedside-id")
        return str(kept["token"]) if kept else None

    def keep_id_token(self, response: Response, token: str) -> None:
        """Apart from the session, which has to fit into one cookie. It proves at auth who asks to be signed out."""
        self._set(response, "bedside-id", {"token": token}, _SESSION_LIFE_S)

    def forget(self, response: Response) -> None:
        for name in ("bedside-session", "bedside-sign-in", "bedside-id", "bedside-emergency"):
            self._forget(response, name)

    def _forget(self, response: Response, name: str) -> None:
        response.delete_cookie(self._prefix + name, path="/", secure=self._secure, httponly=True, samesite="lax")

    def _set(self, response: Response, name: str, kept: dict[str, Any], life_s: int) -> None:
        nonce = os.urandom(_NONCE_BYTES)
        sealed = nonce + self._seal.encrypt(nonce, json.dumps(kept).encode(), name.encode())
        value = base64.urlsafe_b64encode(sealed).decode()
        assert len(value) <= _COOKIE_BYTES_MAX, f"the cookie {name} would be dropped by browsers"
        response.set_cookie(
            self._prefix + name, value, max_age=life_s, path="/", secure=self._secure, httponly=True, samesite="lax"
        )

    def _opened(self, request: Request, name: str) -> dict[str, Any] | None:
        value = request.cookies.get(self._prefix + name)
        if not value or len(value) > _COOKIE_BYTES_MAX:
            return None
        try:
            sealed = base64.urlsafe_b64decode(value.encode())
            opened = self._seal.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], name.encode())
        except (ValueError, InvalidTag):
            return None
        kept: dict[str, Any] = json.loads(opened)
        return kept
