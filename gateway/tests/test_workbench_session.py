"""What the workbench keeps in a browser: sealed, whole or nothing; and where a sign-in may lead."""

import pytest
from starlette.requests import Request
from starlette.responses import Response

from bedside.gateway.workbench.session import Cookies, Session
from bedside.gateway.workbench.signing_in import local_path
from bedside.gateway.workbench.wording import day

SESSION = Session("t" * 1100, "r" * 43, 1_900_000_000, "Dr Anita Shah", ("physician",))


def kept(cookies: Cookies, session: Session) -> str:
    response = Response()
    cookies.keep_session(response, session)
    return response.headers["set-cookie"]


def request(cookie: str) -> Request:
    return Request({"type": "http", "headers": [(b"cookie", cookie.encode())]})


def test_a_session_comes_back_as_it_was_kept_to_any_replica_with_the_key() -> None:
    cookie = kept(Cookies(b"k" * 32, secure=False), SESSION).split(";")[0]
    assert Cookies(b"k" * 32, secure=False).session(request(cookie)) == SESSION


def test_scripts_cannot_read_the_cookie_and_other_sites_cannot_send_it() -> None:
    flags = kept(Cookies(b"k" * 32, secure=True), SESSION)
    assert flags.startswith("__Host-bedside-session=")
    for flag in ("HttpOnly", "Secure", "SameSite=lax", "Path=/"):
        assert flag in flags


def test_nothing_of_the_session_can_be_read_off_the_cookie() -> None:
    assert "ttt" not in kept(Cookies(b"k" * 32, secure=False), SESSION)


@pytest.mark.parametrize("spoilt", ["", "A", "not base64 !", "AAAA" * 2000])
def test_a_spoilt_cookie_is_nobody(spoilt: str) -> None:
    assert Cookies(b"k" * 32, secure=False).session(request(f"bedside-session={spoilt}")) is None


def test_a_cookie_of_another_key_or_another_purpose_is_nobody() -> None:
    cookies = Cookies(b"k" * 32, secure=False)
    cookie = kept(cookies, SESSION).split(";")[0]
    assert Cookies(b"o" * 32, secure=False).session(request(cookie)) is None
    assert cookies.sign_in(request(cookie.replace("bedside-session", "bedside-sign-in"))) is None


@pytest.mark.parametrize(
    ("asked", "led"),
    [
        ("/patients/p1", "/patients/p1"),
        ("/?q=okafor", "/?q=okafor"),
        (None, "/"),
        ("", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("javascript:alert(1)", "/"),
    ],
)
def test_signing_in_leads_nowhere_else(asked: str | None, led: str) -> None:
    assert local_path(asked) == led


@pytest.mark.parametrize(
    ("recorded", "said"), [("1954-11-02", "2 Nov 1954"), ("2011-03", "Mar 2011"), ("2008", "2008"), (None, "")]
)
def test_a_partial_date_says_no_more_than_it_knows(recorded: str | None, said: str) -> None:
    assert day(recorded) == said
