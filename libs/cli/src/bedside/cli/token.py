"""`bedside token`: signs in over HTTP, as an app or a browser would."""

import base64
import hashlib
import html
import re
import secrets
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx

from bedside.cli.failure import Failure

_PAGES_MAX = 8
_TIMEOUT_S = 20


def client_token(demo: dict[str, Any], client_id: str, *, scope: str | None = None) -> str:
    """Raises Failure when `demo.json` or auth does not know the client."""
    client = _named(demo["clients"], "client_id", client_id)
    if "client_secret" not in client:
        raise Failure(f"{client_id} has no secret: it signs users in, and gets no token in its own name")
    answer = _answer(
        f"{demo['auth']}/token",
        {"grant_type": "client_credentials", "scope": scope or client["scope"]},
        (client_id, client["client_secret"]),
    )
    return _access_token(answer)


def user_token(demo: dict[str, Any], username: str, *, scope: str | None = None) -> str:
    """The authorization code grant with PKCE, form by form."""
    user = _named(demo["users"], "username", username)
    client = next(client for client in demo["clients"] if "authorization_code" in client["grant_types"])
    redirect_uri = client["redirect_uris"][0]
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    level = "patient" if "patient" in user["roles"] else "user"
    with httpx.Client(timeout=_TIMEOUT_S) as browser:
        page = browser.get(
            f"{demo['auth']}/authorize",
            params={
                "response_type": "code",
                "client_id": client["client_id"],
                "redirect_uri": redirect_uri,
                "scope": scope or f"openid fhirUser {level}/*.cruds",
                "state": secrets.token_urlsafe(8),
                "aud": demo["fhir"],
                "code_challenge": challenge,
                "code_challenge_method": "S256",
            },
        )
        code = _code(browser, page, redirect_uri, {"username": username, "password": user["password"]})
        answer = browser.post(
            f"{demo['auth']}/token",
            data={
                "grant_type": "authorization_code",
                "client_id": client["client_id"],
                "code": code,
                "redirect_uri": redirect_uri,
                "code_verifier": verifier,
            },
        )
    return _access_token(answer)


def _code(browser: httpx.Client, page: httpx.Response, redirect_uri: str, typed: dict[str, str]) -> str:
    """Fills in what the pages ask until they send the browser back to the app."""
    for _ in range(_PAGES_MAX):
        if page.is_redirect:
            there = urljoin(str(page.url), page.headers["location"])
            if there.startswith(redirect_uri):
                answered = parse_qs(urlsplit(there).query)
                if "code" not in answered:
                    raise Failure(f"signing in was refused: {answered.get('error', ['without a reason'])[0]}")
                return answered["code"][0]
            page = browser.get(there)
            continue
        form = re.search(r"<form[^>]*?(?:action=\"([^\"]*)\")?[^>]*>", page.text)
        if page.status_code >= 400 or form is None:
            raise Failure(f"signing in ended at a page without a form (status {page.status_code})")
        hidden = dict(re.findall(r'<input[^>]*type="hidden"[^>]*name="([^"]+)"[^>]*value="([^"]*)"', page.text))
        fields = {name: html.unescape(value) for name, value in hidden.items()} | typed
        page = browser.post(urljoin(str(page.url), html.unescape(form[1] or str(page.url))), data=fields)
    raise Failure("signing in went from page to page without an end: is the password in demo.json still right?")


def _named(known: list[dict[str, Any]], key: str, wanted: str) -> dict[str, Any]:
    for one in known:
        if one[key] == wanted:
            return one
    raise Failure(f"demo.json knows no {wanted}: {', '.join(one[key] for one in known)}")


def _answer(url: str, form: dict[str, str], auth: tuple[str, str]) -> httpx.Response:
    try:
        return httpx.post(url, data=form, auth=auth, timeout=_TIMEOUT_S)
    except httpx.HTTPError as error:
        raise Failure(f"auth does not answer at {url}: is the platform running?") from error


def _access_token(answer: httpx.Response) -> str:
    body = answer.json() if answer.headers.get("content-type", "").startswith("application/json") else {}
    if answer.status_code != 200:
        raise Failure(
            f"auth refused: {body.get('error', answer.status_code)} {body.get('error_description', '')}".strip()
        )
    return str(body["access_token"])
