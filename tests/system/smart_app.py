"""A SMART app and the person who uses it: registered, launched, allowed, and holding what it was given."""

import base64
import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import httpx

PAGES_MAX = 10


@dataclass
class SmartApp:
    """`demo` is what `demo.json` says; `origin` is where the app's pages would come from."""

    demo: dict[str, Any]
    client_id: str
    redirect_uri: str
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    @property
    def origin(self) -> str:
        return "{0.scheme}://{0.netloc}".format(urlsplit(self.redirect_uri))

    def authorize_url(self, scope: str, **changed: str | None) -> str:
        """None leaves a parameter out."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()
        asked: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": scope,
            "state": "s1",
            "aud": self.demo["fhir"],
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        } | changed
        kept = {name: value for name, value in asked.items() if value is not None}
        return f"{self.demo['auth']}/authorize?{urlencode(kept)}"

    def answer(
        self,
        username: str,
        scope: str,
        *,
        patient: str = "p1",
        allowing: Sequence[str] | None = None,
        **changed: str | None,
    ) -> dict[str, str]:
        """What comes back to the redirect URI. `allowing` are the scopes the person ticks; None: what is ticked."""
        return self.opened(self.authorize_url(scope, **changed), username, patient=patient, allowing=allowing)

    def opened(
        self, address: str, username: str, *, patient: str = "p1", allowing: Sequence[str] | None = None
    ) -> dict[str, str]:
        """The same, for an address that is known already."""
        password = next(each["password"] for each in self.demo["users"] if each["username"] == username)
        typed: dict[str, Any] = {"username": username, "password": password, "patient": patient, "decision": "allow"}
        with httpx.Client(timeout=20) as browser:
            page = browser.get(address)
            for _ in range(PAGES_MAX):
                if page.is_redirect:
                    there = urljoin(str(page.url), page.headers["location"])
                    if there.startswith(self.redirect_uri):
                        return {name: values[0] for name, values in parse_qs(urlsplit(there).query).items()}
                    page = browser.get(there)
                    continue
                action = re.search(r'<form method="post" action="([^"]+)"', page.text)
                assert action, page.text
                hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
                ticked = re.findall(r'name="scope" value="([^"]+)" checked', page.text)
                scopes = list(allowing) if allowing is not None else [unescape(each) for each in ticked]
                page = browser.post(urljoin(str(page.url), action[1]), data=typed | hidden | {"scope": scopes})
        raise AssertionError(f"{username} found no way back to the app")

    def token_response(self, code: str, /, **changed: str | None) -> httpx.Response:
        return self._token(
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": self.redirect_uri,
                "client_id": self.client_id,
                "code_verifier": self.verifier,
            }
            | changed
        )

    def tokens(self, username: str, scope: str, **how: Any) -> dict[str, Any]:
        answer = self.token_response(self.answer(username, scope, **how)["code"])
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def refresh_response(self, refresh_token: str, **changed: str | None) -> httpx.Response:
        """Without `client_id`, as fhirclient.js does it."""
        return self._token({"grant_type": "refresh_token", "refresh_token": refresh_token} | changed)

    def fhir(self, tokens: dict[str, Any], path: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {tokens['access_token']}", "Origin": self.origin}
        return httpx.get(f"{self.demo['fhir']}/{path}", headers=headers, timeout=60)

    def _token(self, form: dict[str, str | None]) -> httpx.Response:
        kept = {name: value for name, value in form.items() if value is not None}
        return httpx.post(f"{self.demo['auth']}/token", data=kept, headers={"Origin": self.origin}, timeout=20)
