"""Attacks on the pages, by forms of strangers, frames, addresses and names: 51, 53, 54, 55 and 62 of the brief.

What holds of every page is asked of every route that the app has, so that a new page is held to it without being named.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from sqlmodel import select

from bedside.auth.app import application
from bedside.auth.tables import Client, User
from bedside.identity.access import PUBLIC, SESSION, access_of, every_route, methods_of

PASSWORD = "correct horse battery staple"
SCRIPT = "<script>alert(1)</script>"
QUOTE = '"><img src=x onerror=alert(1)>'
CLOSED = {
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
# Documents for programs and what pages are drawn with: the same for everybody.
CACHED = re.compile(r"/\.well-known/|/jwks$|/openapi\.json$|/static/|/smart-style\.json$")
# Browsers post here without having been shown a form: it asks what a GET asks, and gives nothing by itself.
BEGINNINGS = {"/authorize"}


@dataclass(frozen=True)
class Route:
    method: str
    path: str
    access: str

    @property
    def takes_forms_of_people(self) -> bool:
        opened_by = self.access.partition(" ")[0]
        return self.method == "POST" and opened_by in (PUBLIC, SESSION) and self.path not in BEGINNINGS


def routes_of(authority: Any) -> Iterator[Route]:
    for path, route in every_route(application(authority)):
        for method in methods_of(route):
            access = access_of(route, method)
            assert access is not None
            yield Route(method, re.sub(r"\{[^}]+\}", "unknown", path), access)


async def asked(server: Any, route: Route, **typed: str) -> httpx.Response:
    form = {"data": {"request": "x"} | typed} if route.method not in ("GET", "DELETE") else {}
    answer: httpx.Response = await server.request(route.method, route.path, **form)
    return answer


def is_closed(answer: httpx.Response) -> bool:
    policy = answer.headers["content-security-policy"]
    stored = answer.headers["cache-control"] != "no-store" and not CACHED.search(answer.request.url.path)
    opened = [name for name, value in CLOSED.items() if answer.headers.get(name) != value]
    loose = not {"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"} <= set(policy.split("; "))
    return not (stored or opened or loose or "unsafe" in policy or "*" in policy)


def runs_nothing_inline(text: str) -> bool:
    return not re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|<style|\son\w+=|javascript:", text, re.I)


def templates() -> dict[str, str]:
    found: dict[str, str] = {}
    waiting = [files("bedside.auth").joinpath("templates")]
    while waiting:
        for entry in waiting.pop().iterdir():
            if entry.is_dir():
                waiting.append(entry)
            else:
                found[entry.name] = entry.read_text()
    return found


# 51


async def test_attack_51_no_form_of_any_page_is_taken_without_its_proof(flow: Any, server: Any, authority: Any) -> None:
    """Signed in as an administrator, whose browser a stranger's page makes post."""
    await flow.sign_in("admin")
    forms = [route for route in routes_of(authority) if route.takes_forms_of_people]
    assert {"/sign-in", "/patient", "/consent", "/end_session"} <= {route.path for route in forms}
    for route in forms:
        for proof in ({}, {"csrf": ""}, {"csrf": "0" * 64}, {"csrf": "é"}):
            refused = await asked(server, route, **proof)
            assert (refused.status_code, "This form cannot be accepted" in refused.text) == (403, True), route
    # The twin: nothing was done, so the same browser goes on, and its own forms are taken.
    assert "code" in httpx.QueryParams(urlsplit((await flow.authorize()).headers["location"]).query)
    page = await server.get("/end_session")
    assert "You are signed out" in (await flow.submit(page, "/end_session")).text


@pytest.mark.parametrize("stolen", ["another-request", "another-browser"])
async def test_attack_51_a_proof_is_good_for_one_request_of_one_browser(flow: Any, server: Any, stolen: str) -> None:
    """Logging a victim in as the attacker: the attacker's own proof, carried into the victim's browser."""
    theirs = await flow.sign_in_page()
    if stolen == "another-browser":
        server.cookies.clear()
    own = await flow.sign_in_page()
    proof = re.search(r'name="csrf" value="([^"]+)"', theirs.text)
    assert proof
    refused = await flow.submit(own, username="physician", password=PASSWORD, csrf=proof[1])
    assert (refused.status_code, "This form cannot be accepted" in refused.text) == (403, True)
    # The twin.
    assert (await flow.submit(own, username="physician", password=PASSWORD)).status_code == 303


def test_attack_51_every_form_that_is_posted_carries_a_proof() -> None:
    forms = [(name, form) for name, text in templates().items() for form in _forms(text)]
    assert len(forms) > 10
    assert [name for name, form in forms if 'name="csrf"' not in form and "proof(csrf)" not in form] == []


def _forms(text: str) -> list[str]:
    return re.findall(r'<form[^>]*method="post".*?</form>', text, re.S)


# 53


async def test_attack_53_cookies_are_locked_to_the_host_and_unseen_by_scripts(authority: Any, flow: Any) -> None:
    secured = replace(authority, installation=replace(authority.installation, issuer="https://auth.example"))
    transport = httpx.ASGITransport(application(secured))
    async with httpx.AsyncClient(transport=transport, base_url="https://auth.example") as browser:
        cookies = await _cookies_of_a_sign_in(replace(flow, browser=browser))
    assert len(cookies) >= 2
    for cookie in cookies:
        name, *flags = [part.strip().lower() for part in cookie.split(";")]
        assert name.startswith("__host-")
        assert set(flags) >= {"secure", "httponly", "samesite=lax", "path=/"}
        assert not any(flag.startswith("domain") for flag in flags)


async def test_attack_53_on_a_loopback_without_tls_cookies_are_as_locked_as_can_be(flow: Any) -> None:
    cookies = await _cookies_of_a_sign_in(flow)
    assert len(cookies) >= 2
    for cookie in cookies:
        flags = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert (flags >= {"httponly", "samesite=lax", "path=/"}, "secure" in flags) == (True, False)


async def _cookies_of_a_sign_in(flow: Any) -> list[str]:
    first = await flow.authorize()
    page = await flow.browser.get(first.headers["location"])
    signed_in = await flow.submit(page, username="physician", password=PASSWORD)
    assert signed_in.status_code == 303
    answers = (first, page, signed_in)
    return [cookie for answer in answers for cookie in answer.headers.get_list("set-cookie")]


# 54


@pytest.mark.parametrize("username", [None, "admin"])
async def test_attack_54_whatever_is_asked_is_answered_closed(
    flow: Any, server: Any, authority: Any, username: str | None
) -> None:
    if username:
        await flow.sign_in(username)
    walked = list(routes_of(authority))
    assert len(walked) > 40
    pages = 0
    for route in walked:
        answer = await asked(server, route)
        pages += answer.headers.get("content-type", "").startswith("text/html")
        assert is_closed(answer), (route, dict(answer.headers))
        assert runs_nothing_inline(answer.text), route
    assert pages > (20 if username else 3)
    for path in ("/no-such-page", "/admin/no/such/page", "/sign-in/"):
        assert is_closed(await server.get(path)), path
    assert is_closed(await server.request("PUT", "/sign-in"))


async def test_attack_54_the_pages_of_an_authorization_are_closed(flow: Any) -> None:
    scope = "openid launch/patient patient/*.rs"
    signing_in = await flow.sign_in_page(client_id="foreign", scope=scope)
    wrong = await flow.submit(signing_in, username="physician", password="wrong")
    led = await flow.submit(signing_in, username="physician", password=PASSWORD)
    choosing = await flow.browser.get(led.headers["location"])
    led = await flow.submit(choosing, "/patient", patient="p1")
    consenting = await flow.browser.get(led.headers["location"])
    assert "Allow access?" in consenting.text
    for page in (signing_in, wrong, choosing, consenting):
        assert is_closed(page), dict(page.headers)
        assert runs_nothing_inline(page.text)
        # Chromium holds what follows a form to it, too: our own address, and the app's that waits.
        assert "form-action 'self' http://127.0.0.1:8000" in page.headers["content-security-policy"].split("; ")


def test_attack_54_no_template_holds_a_script_or_style_of_its_own() -> None:
    assert [name for name, text in templates().items() if not runs_nothing_inline(text)] == []


@pytest.mark.parametrize(
    "text", ["<script>x</script>", '<p style="x">', "<style>", '<a onclick="x">', '<a href="javascript:x">']
)
def test_attack_54_the_search_for_them_finds_them(text: str) -> None:
    assert not runs_nothing_inline(text)
    assert runs_nothing_inline('<script src="/static/passkeys.js" defer></script><p class="on">one=1</p>')


async def test_attack_54_https_is_kept_to_once_it_was_used(authority: Any, server: Any) -> None:
    secured = replace(authority, installation=replace(authority.installation, issuer="https://auth.example"))
    transport = httpx.ASGITransport(application(secured))
    async with httpx.AsyncClient(transport=transport, base_url="https://auth.example") as browser:
        assert (await browser.get("/sign-in")).headers["strict-transport-security"] == "max-age=31536000"
    assert "strict-transport-security" not in (await server.get("/sign-in")).headers


# 55

ELSEWHERE = [
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example/",
    "http://127.0.0.1:8000@evil.example/",
    "http://127.0.0.1:8000.evil.example/",
    "javascript:alert(1)",
    "/admin/..//evil.example",
    "http://127.0.0.1:8000/callback\r\nX: y",
]


@pytest.mark.parametrize("elsewhere", ELSEWHERE[:3])
async def test_attack_55_nothing_leads_a_browser_to_another_place(
    flow: Any, server: Any, authority: Any, elsewhere: str
) -> None:
    """Whatever parameter of whatever page names an address, signed in or not."""
    names = ("to", "next", "redirect_uri", "post_logout_redirect_uri", "return_to", "target_link_uri", "state", "iss")
    for username in (None, "admin"):
        if username:
            await flow.sign_in(username)
        for route in routes_of(authority):
            if route.method == "GET":
                answer = await server.get(route.path, params=dict.fromkeys(names, elsewhere))
                assert _stays(answer), (route, answer.headers.get("location"))


async def test_attack_55_the_addresses_that_are_registered_are_led_to(flow: Any, server: Any) -> None:
    """The twin."""
    tokens = await flow.tokens()
    known = "http://127.0.0.1:8000/"
    out = await server.get(
        "/end_session", params={"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": known}
    )
    assert out.headers["location"] == known


async def test_attack_55_signing_out_of_an_app_leads_to_no_address_but_its_own(flow: Any, server: Any) -> None:
    tokens = await flow.tokens()
    for elsewhere in ELSEWHERE:
        asked_for = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": elsewhere}
        out = await server.get("/end_session", params=asked_for)
        assert (out.status_code, "location" in out.headers) == (200, False), elsewhere
        assert "You are signed out" in out.text


def _stays(answer: httpx.Response) -> bool:
    location = answer.headers.get("location")
    if location is None:
        return True
    return bool(re.match(r"/[a-z_-]+(?:[/?]|$)", location)) and urlsplit(location).netloc == ""


# 62


@pytest.fixture
def named_hostile(authority: Any) -> None:
    with authority.units.unit() as session:
        for client in ("app", "foreign"):
            row = session.get_one(Client, client)
            row.name, row.links = f"{SCRIPT}{QUOTE}", {"logo_uri": f"https://evil.example/{QUOTE}"}
            row.scope = f"{row.scope} {QUOTE}"
            session.add(row)
        for user in session.exec(select(User)):
            user.name, user.email = f"{SCRIPT}{QUOTE}", QUOTE
            session.add(user)


@pytest.mark.usefixtures("named_hostile")
@pytest.mark.parametrize("username", ["physician", "admin"])
async def test_attack_62_names_scopes_and_logos_are_text_on_every_page(
    flow: Any, server: Any, authority: Any, username: str
) -> None:
    hostile = f"openid user/*.rs {QUOTE}"
    pages = [await flow.sign_in_page(client_id="foreign", scope="openid user/*.rs", state=SCRIPT, nonce=QUOTE)]
    pages.append(await flow.submit(pages[0], username=QUOTE, password="x"))
    led = await flow.submit(pages[0], username=username, password=PASSWORD)
    if led.headers["location"].startswith("/consent"):
        pages.append(await server.get(led.headers["location"]))
        assert "&lt;script&gt;" in pages[-1].text
    pages.append(await server.get("/authorize", params=flow.request(client_id=QUOTE, scope=hostile)))
    walked = [route.path for route in routes_of(authority) if route.method == "GET"]
    if username == "admin":
        walked += [f"/admin/users/{_user(authority, 'physician')}", "/admin/clients/foreign"]
        walked += [f"/admin/users?q={QUOTE}", f"/admin/clients?q={SCRIPT}"]
    for path in walked:
        answer = await server.get(path)
        if answer.headers.get("content-type", "").startswith("text/html"):
            pages.append(answer)
    assert len(pages) > (15 if username == "admin" else 3)
    shown = 0
    for page in pages:
        assert SCRIPT not in page.text, page.request.url
        assert "<img" not in page.text, page.request.url
        assert runs_nothing_inline(page.text.replace("onerror=alert", "")), page.request.url
        shown += "&lt;script&gt;" in page.text or "&lt;img" in page.text
    assert shown, "the names are shown, as text"


def _user(authority: Any, username: str) -> str:
    with authority.units.reading() as session:
        return session.exec(select(User.id).where(User.username == username)).one()


async def test_attack_62_no_scope_of_a_stranger_is_repeated(flow: Any, told: Any) -> None:
    """An error's description is shown by apps; ours repeats nothing that was sent."""
    await flow.sign_in()
    refused = told(await flow.authorize(scope=f"openid {SCRIPT}", prompt="none", acr_values=SCRIPT))
    assert not any("<" in value for name, value in refused.items() if name != "state")
