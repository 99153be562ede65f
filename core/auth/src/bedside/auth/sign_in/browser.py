"""What ties a form to the browser that was shown it: cookies, and the proof against forged posts."""

from starlette.requests import Request
from starlette.responses import Response

from bedside.auth.authority import Authority
from bedside.auth.secrets_kept import new_secret, same
from bedside.auth.sign_in.sessions import agent_in_words

_NAMED_FOR_S = 400 * 24 * 3600
"""The longest that browsers keep a cookie: a browser in which somebody signs in often stays known."""
_LINK_FOR_S = 15 * 60


class Browser:
    """One request's browser. It gets a random name at its first page, and keeps it."""

    def __init__(self, authority: Authority, request: Request) -> None:
        self._authority = authority
        prefix = "__Host-" if authority.installation.encrypted else ""
        self._session_cookie = f"{prefix}bedside-auth"
        self._name_cookie = f"{prefix}bedside-auth-browser"
        self._known = request.cookies.get(self._name_cookie)
        self._renewed = False
        self._link_cookie = f"{prefix}bedside-auth-link"
        self.password_link = request.cookies.get(self._link_cookie)
        self.name = self._known or new_secret()
        self.session_secret = request.cookies.get(self._session_cookie)
        self.agent = agent_in_words(request.headers.get("user-agent", ""))

    def proof(self, of: str) -> str:
        """Goes into the form as `csrf`; `of` is what the form is about."""
        return self._authority.sealing.mark("form", f"{self.name} {of}")

    def proves(self, proof: str | None, of: str) -> bool:
        """Whether the form came from a page that this browser was shown."""
        return self._known is not None and proof is not None and same(proof, self.proof(of))

    def renew(self, session_secret: str) -> None:
        """From here on this is the session's secret; `remember` tells the browser."""
        self.session_secret, self._renewed = session_secret, True

    def remember(self, response: Response) -> Response:
        if self._known is None:
            self._set(response, self._name_cookie, self.name, lasting_s=_NAMED_FOR_S)
        if self._renewed and self.session_secret is not None:
            self._set(response, self._session_cookie, self.session_secret)
        # Once only: a response that is handed on and remembered again would carry each cookie twice.
        self._known, self._renewed = self.name, False
        return response

    def carry_link(self, response: Response, secret: str) -> Response:
        """Out of the address, where a history and whoever looks on would keep it."""
        self._set(response, self._link_cookie, secret, lasting_s=_LINK_FOR_S)
        return response

    def forget_link(self, response: Response) -> Response:
        self._forget(response, self._link_cookie)
        return response

    def forget_session(self, response: Response) -> Response:
        self._forget(response, self._session_cookie)
        return response

    def _set(self, response: Response, name: str, value: str, *, lasting_s: int | None = None) -> None:
        # On an http loopback issuer browsers would not send a Secure cookie back.
        secure = self._authority.installation.encrypted
        response.set_cookie(name, value, max_age=lasting_s, path="/", secure=secure, httponly=True, samesite="lax")

    def _forget(self, response: Response, name: str) -> None:
        secure = self._authority.installation.encrypted
        response.delete_cookie(name, path="/", secure=secure, httponly=True, samesite="lax")
