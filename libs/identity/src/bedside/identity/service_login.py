"""A service's own token, for calling another service in its own name."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from bedside.identity.refusal import Unreachable
from bedside.identity.service_key import ServiceKey

RENEW_BEFORE_END_S = 30.0
TIMEOUT_S = 5.0
SERVICE_SCOPE = "system/*.cruds system/existence.read system/events.read system/revocations.read"
"""What services ask for by default; auth narrows it to what each is registered for."""


class LoginRefused(Exception):
    """Auth answered no. `error` is the OAuth word: `invalid_client`, `invalid_grant`, `invalid_scope` …"""

    def __init__(self, error: str, description: str = "") -> None:
        super().__init__(f"{error}: {description}" if description else error)
        self.error = error


@dataclass(frozen=True)
class Issued:
    """A token auth gave us, and until when (by `time.monotonic`) to use it."""

    access_token: str
    renew_at: float


class ServiceLogin:
    """`client_credentials` for one service client; a token is kept until shortly before it ends.

    `proof` is its secret, or its key; what it signs names `issuer`, which may be reached at another address.
    """

    def __init__(
        self,
        token_url: str,
        client_id: str,
        proof: str | ServiceKey,
        *,
        issuer: str | None = None,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        assert isinstance(proof, str) or issuer is not None, "an assertion names the issuer it is for"
        self.client_id = client_id
        self._token_url = token_url
        self._proof = proof
        self._issuer = issuer or ""
        self._http = http
        self._issued: dict[tuple[str, str], Issued] = {}
        self._turn = asyncio.Lock()

    async def token(self, audience: str, scope: str = SERVICE_SCOPE) -> str:
        """A token for the service at this address, with as much of the scope as this client is registered for.

        Raises LoginRefused, or Unreachable when auth does not answer.
        """
        key = (audience, scope)
        async with self._turn:
            issued = self._issued.get(key)
            if issued is None or issued.renew_at <= time.monotonic():
                form = {"grant_type": "client_credentials", "resource": audience, "scope": scope}
                issued = self._issued[key] = await self.ask(form)
            return issued.access_token

    async def ask(self, form: Mapping[str, str]) -> Issued:
        """One request to the token endpoint, authenticated as this client."""
        try:
            answer = await self._post(form)
        except httpx.HTTPError as error:
            raise Unreachable("the authorization server does not answer") from error
        if answer.status_code >= 500 or answer.status_code == 429:
            raise Unreachable(f"the authorization server answered {answer.status_code}")
        body = _object(answer)
        if answer.status_code != 200:
            raise LoginRefused(str(body.get("error", "invalid_request")), str(body.get("error_description", "")))
        life_s = float(body.get("expires_in", 0))
        # Short-lived tokens are renewed at half their life, or none of it would be left to use.
        margin_s = min(RENEW_BEFORE_END_S, life_s / 2)
        return Issued(str(body["access_token"]), time.monotonic() + life_s - margin_s)

    async def _post(self, form: Mapping[str, str]) -> httpx.Response:
        sent, login = self._proven(form)
        if self._http is not None:
            return await self._http.post(self._token_url, data=sent, auth=login, timeout=TIMEOUT_S)
        async with httpx.AsyncClient() as http:
            return await http.post(self._token_url, data=sent, auth=login, timeout=TIMEOUT_S)

    def _proven(self, form: Mapping[str, str]) -> tuple[dict[str, str], httpx.Auth]:
        if isinstance(self._proof, str):
            return dict(form), httpx.BasicAuth(self.client_id, self._proof)
        return {**form, **self._proof.proving(self.client_id, issuer=self._issuer)}, httpx.Auth()


def _object(answer: httpx.Response) -> Mapping[str, Any]:
    try:
        body = answer.json()
    except ValueError as error:
        raise Unreachable("the authorization server did not answer JSON") from error
    return body if isinstance(body, dict) else {}
