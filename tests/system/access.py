"""How the system tests speak to a running platform: as an integrator's client, or as a person of one role."""

import base64
import hashlib
import re
import secrets
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import httpx


@dataclass(frozen=True)
class Access:
    """What `demo.json` says, and tokens for those it names."""

    demo: dict[str, Any]

    def client_token(self, client_id: str = "integrator", **form: str) -> str:
        client = next(c for c in self.demo["clients"] if c["client_id"] == client_id)
        answer = httpx.post(
            f"{self.demo['auth']}/token",
            data={"grant_type": "client_credentials", "scope": client["scope"], **form},
            auth=(client_id, client["client_secret"]),
        )
        answer.raise_for_status()
        token: str = answer.json()["access_token"]
        return token

    def user_token(self, username: str, *, scope: str | None = None, browser: httpx.Client | None = None) -> str:
        """Signs in as a browser would: form by form, code and PKCE. `browser` stays signed in."""
        workbench = next(c for c in self.demo["clients"] if c["client_id"] == "workbench")
        verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        level = "patient" if username == "patient" else "user"
        asked = {
            "response_type": "code",
            "client_id": "workbench",
            "redirect_uri": workbench["redirect_uris"][0],
            "scope": scope or f"openid fhirUser {level}/*.cruds",
            "state": "s1",
            "aud": self.demo["fhir"],
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        there = self.signed_in(username, f"{self.demo['auth']}/authorize?{urlencode(asked)}", browser=browser)
        token = httpx.post(
            f"{self.demo['auth']}/token",
            data={
                "grant_type": "authorization_code",
                "client_id": "workbench",
                "code": parse_qs(urlsplit(there).query)["code"][0],
                "redirect_uri": workbench["redirect_uris"][0],
                "code_verifier": verifier,
            },
        )
        token.raise_for_status()
        access: str = token.json()["access_token"]
        return access

    def signed_in(self, username: str, authorize_url: str, *, browser: httpx.Client | None = None) -> str:
        """Where the browser of that person is sent back to, code and all, after signing in form by form."""
        password = next(u["password"] for u in self.demo["users"] if u["username"] == username)
        back = parse_qs(urlsplit(authorize_url).query)["redirect_uri"][0]
        with nullcontext(browser) if browser else httpx.Client(follow_redirects=False, timeout=20) as browser:
            answer = browser.get(authorize_url)
            for _ in range(8):
                if answer.is_redirect:
                    there = urljoin(str(answer.url), answer.headers["location"])
                    if there.startswith(back):
                        return there
                    answer = browser.get(there)
                    continue
                action = re.search(r'<form[^>]*action="([^"]*)"', answer.text)
                answer = browser.post(
                    urljoin(str(answer.url), action[1].replace("&amp;", "&") if action else str(answer.url)),
                    data={**hidden_fields(answer.text), "username": username, "password": password},
                )
        raise AssertionError(f"signing in as {username} ended with {answer.status_code}")

    def fhir(self, token: str) -> httpx.Client:
        return httpx.Client(
            base_url=self.demo["fhir"] + "/",
            headers={"Authorization": f"Bearer {token}", "Accept": "application/fhir+json"},
            timeout=60,
        )

    def view(self, token: str, path: str, **headers: str) -> httpx.Response:
        return httpx.get(
            f"{self.demo['gateway']}/v1/{path}",
            headers={
                "Authorization": f"Bearer {token}",
                "Access-Reason": "checking the examples of the views",
                "Cache-Control": "no-cache",
                **{name.replace("_", "-"): value for name, value in headers.items()},
            },
            timeout=20,
        )


def hidden_fields(html: str) -> dict[str, str]:
    """What a form sends along unseen."""
    return dict(re.findall(r'<input[^>]*type="hidden"[^>]*name="([^"]+)"[^>]*value="([^"]*)"', html))
