"""`/password`: choosing a password by a link, and asking for one. No mail is sent: an administrator hands it over."""

import re

from fastapi import APIRouter
from sqlmodel import Session, col, update
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bedside.auth.access_log import Happening, record
from bedside.auth.answers import NO_STORE
from bedside.auth.authority import Authority
from bedside.auth.directory import use_password_link, user_named, user_of_link
from bedside.auth.endpoints.access import PUBLIC
from bedside.auth.endpoints.new_password import new_password, password_form
from bedside.auth.endpoints.sign_in import ADDRESS_WAITS, crowded, forged
from bedside.auth.pages import message, page
from bedside.auth.parameters import Parameters
from bedside.auth.protocol import read_form
from bedside.auth.putting import put_if_absent
from bedside.auth.sign_in.browser import Browser
from bedside.auth.sign_in.lockout import account_of, charge, forgive
from bedside.auth.sign_in.network import address_of
from bedside.auth.sign_in.passwords import Crowded
from bedside.auth.tables import Attempt, User

PATH = "/password"
FORGOTTEN = f"{PATH}/forgotten"
_SECRET = re.compile(r"[A-Za-z0-9_-]{20,100}", re.ASCII)


def routes(authority: Authority) -> APIRouter:
    router = APIRouter()

    @router.get(PATH, openapi_extra=PUBLIC)
    def by_link(request: Request) -> Response:
        browser, presented = Browser(authority, request), request.query_params.get("link", "")
        if _SECRET.fullmatch(presented):
            # On to an address without it, which a history may keep.
            onward = RedirectResponse(PATH, 303, headers=NO_STORE)
            return browser.remember(browser.carry_link(onward, presented))
        with authority.units.reading() as session:
            user = user_of_link(authority, session, browser.password_link)
        return browser.remember(_form(browser, user)) if user is not None else _over(browser)

    @router.post(PATH, openapi_extra=PUBLIC)
    async def choose(request: Request) -> Response:
        browser, form = Browser(authority, request), await read_form(request)
        secret = browser.password_link
        if secret is None or not browser.proves(form.get("csrf"), _about(secret)):
            return forged()
        try:
            with authority.passwords.turn():
                return await _chosen(authority, browser, secret, form)
        except Crowded:
            return crowded()

    @router.get(FORGOTTEN, openapi_extra=PUBLIC)
    def forgotten(request: Request) -> Response:
        browser = Browser(authority, request)
        return browser.remember(_forgotten(browser))

    @router.post(FORGOTTEN, openapi_extra=PUBLIC)
    async def ask(request: Request) -> Response:
        browser, form = Browser(authority, request), await read_form(request)
        if not browser.proves(form.get("csrf"), FORGOTTEN):
            return forged()
        return await run_in_threadpool(_asked, authority, browser, form, address_of(authority, request))

    return router


def link_to(authority: Authority, secret: str) -> str:
    """What an administrator hands over."""
    return f"{authority.installation.issuer}{PATH}?link={secret}"


async def _chosen(authority: Authority, browser: Browser, secret: str, form: Parameters) -> Response:
    user = await run_in_threadpool(_user, authority, secret)
    if user is None:
        return _over(browser)
    password, problem = await new_password(authority, form, user)
    if problem is not None:
        return _form(browser, user, problem=problem)
    password_hash = await authority.passwords.hashed(password)
    return await run_in_threadpool(_done, authority, browser, secret, password_hash)


def _user(authority: Authority, secret: str) -> User | None:
    with authority.units.reading() as session:
        return user_of_link(authority, session, secret)


def _done(authority: Authority, browser: Browser, secret: str, password_hash: str) -> Response:
    with authority.units.unit() as session:
        user = use_password_link(authority, session, secret, password_hash)
        if user is None:
            return _over(browser)
        forgive(session, user.username)
    text = "Wherever you were signed in, you are signed out. Sign in with the new password."
    return browser.forget_link(
        message("Your password is set", text, status=200, onward=("/sign-in?to=/account", "Sign in"))
    )


def _form(browser: Browser, user: User, *, problem: str | None = None) -> Response:
    return password_form(
        user, action=PATH, csrf=browser.proof(_about(browser.password_link or "")), asks_old=False, problem=problem
    )


def _about(secret: str) -> str:
    return f"password link {secret}"


def _over(browser: Browser) -> Response:
    text = "It was used, a newer one was made, or it is too old. Ask whoever gave it to you for another one."
    return browser.forget_link(message("This link is good no longer", text, status=400))


def _asked(authority: Authority, browser: Browser, form: Parameters, address: str) -> Response:
    """The same work and the same answer whether there is such a person or not."""
    username, now = (form.get("username") or "")[:200], authority.clock.now()
    with authority.units.unit() as session:
        # Each asking costs a try: nobody fills our tables with names.
        if not charge(session, address, now=now):
            return _forgotten(browser, problem=ADDRESS_WAITS, status=429)
        account = account_of(username)
        put_if_absent(session, Attempt(account=account))
        session.exec(update(Attempt).where(col(Attempt.account) == account).values(link_asked_at=now))
        _record(authority, session, user_named(session, username))
    text = (
        "If there is an account of that name, whoever administers users sees now that you asked. They hand you a link,"
        " in person or by phone."
    )
    return message("You have asked", text, status=200)


def _record(authority: Authority, session: Session, user: User | None) -> None:
    # Not as done by that person: anybody may type a name.
    entity = f"User/{user.id}" if user is not None and user.active else None
    record(authority, session, Happening("password-link-asked", entity=entity))


def _forgotten(browser: Browser, *, problem: str | None = None, status: int = 200) -> Response:
    return page("forgotten.html", status=status, csrf=browser.proof(FORGOTTEN), problem=problem)
