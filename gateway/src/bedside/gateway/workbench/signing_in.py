"""Signing in through auth: authorization code with PKCE, https://www.rfc-editor.org/rfc/rfc7636"""

import secrets
import time
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit

import httpx2
from authlib.integrations.base_client import OAuthError  # type: ignore[import-untyped]
from authlib.integrations.httpx_client import AsyncOAuth2Client  # type: ignore[import-untyped]
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bedside.gateway.workbench.session import Cookies, Session, SignIn
from bedside.identity import Caller, Refused, Verified

CLIENT_ID = "workbench"
# It asks for whatever a person may do: the role decides what that is.
SCOPE = "openid profile fhirUser online_access user/*.cruds patient/*.cruds"
_TIMEOUT_S = 10.0


class Verifies(Protocol):
    async def verify(self, bearer: str) -> Verified: ...


class SignInFailed(Exception):
    """The sentence is for the person; it repeats nothing that came with the request."""


@dataclass(frozen=True)
class Authorization:
    """`issuer` is auth as browsers reach it, `auth` as the gateway does; `home` the gateway as browsers reach it."""

    issuer: str
    auth: str
    home: str
    fhir_base: str
    verifier: Verifies

    @property
    def redirect_uri(self) -> str:
        return f"{self.home}/callback"

    async def begin(self, cookies: Cookies, onward: str, **asked: str) -> Response:
        """`asked` are further parameters of the authorization request, such as `max_age`."""
        sign_in = SignIn(secrets.token_urlsafe(24), secrets.token_urlsafe(48), onward)
        async with self._client() as client:
            url, _ = client.create_authorization_url(
                f"{self.issuer}/authorize",
                state=sign_in.state,
                code_verifier=sign_in.verifier,
                aud=self.fhir_base,
                **asked,
            )
        response = RedirectResponse(url, 303)
        cookies.keep_sign_in(response, sign_in)
        return response

    async def finish(self, request: Request, cookies: Cookies) -> tuple[Session, str, str]:
        """The session, the ID token, and the path to go on to. Raises SignInFailed."""
        sign_in, query = cookies.sign_in(request), request.query_params
        if sign_in is None:
            raise SignInFailed("This sign-in took too long, or was begun in another window.")
        if not secrets.compare_digest(query.get("state", "").encode(), sign_in.state.encode()):
            raise SignInFailed("This answer does not belong to the sign-in you began.")
        # https://www.rfc-editor.org/rfc/rfc9207: an answer of another issuer must not be redeemed at ours.
        if query.get("iss") != self.issuer:
            raise SignInFailed("This answer does not come from the sign-in service.")
        if "code" not in query:
            raise SignInFailed("You were not signed in.")
        token = await self._fetched(
            grant_type="authorization_code", code=query["code"], code_verifier=sign_in.verifier,
            redirect_uri=self.redirect_uri,
        )  # fmt: skip
        return await self._session(token), str(token.get("id_token", "")), sign_in.onward

    async def renewed(self, session: Session) -> Session | None:
        """None when the person has to sign in again."""
        if session.refresh_token is None:
            return None
        try:
            token = await self._fetched(grant_type="refresh_token", refresh_token=session.refresh_token)
            return await self._session(token)
        except SignInFailed:
            return None

    def ended_at(self, id_token: str | None) -> str:
        """Where a browser goes to end its session at auth, and with it the tokens of every app it opened."""
        if not id_token:
            return f"{self.issuer}/end_session"
        query = urlencode({"id_token_hint": id_token, "post_logout_redirect_uri": f"{self.home}/"})
        return f"{self.issuer}/end_session?{query}"

    def _client(self) -> AsyncOAuth2Client:
        return AsyncOAuth2Client(
            client_id=CLIENT_ID,
            redirect_uri=self.redirect_uri,
            scope=SCOPE,
            code_challenge_method="S256",
            token_endpoint_auth_method="none",  # noqa: S106 - the name of a method, no password
            timeout=_TIMEOUT_S,
        )

    async def _fetched(self, **form: str) -> dict[str, Any]:
        try:
            async with self._client() as client:
                token: dict[str, Any] = await client.fetch_token(f"{self.auth}/token", **form)
        except (OAuthError, httpx2.HTTPError) as problem:
            raise SignInFailed("The sign-in service refused, or did not answer.") from problem
        return token

    async def _session(self, token: dict[str, Any]) -> Session:
        try:
            caller = Caller.of(await self.verifier.verify(token["access_token"]))
        except Refused as problem:
            raise SignInFailed("The sign-in service gave a token that does not hold.") from problem
        return Session(
            access_token=token["access_token"],
            refresh_token=token.get("refresh_token"),
            expires_at=int(time.time()) + int(token["expires_in"]),
            name=caller.name or "",
            roles=tuple(sorted(caller.roles)),
        )


def local_path(onward: str | None) -> str:
    """Where to go after signing in: a path of ours, or the front page. Never another site."""
    if not onward or not onward.startswith("/") or onward.startswith("//") or "\\" in onward:
        return "/"
    parts = urlsplit(onward)
    return onward if not parts.scheme and not parts.netloc else "/"
