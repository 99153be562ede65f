"""`/account/password`: a person who is signed in changes their password."""

from dataclasses import dataclass

from fastapi import APIRouter
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from bedside.auth.access_log import Happening, record
from bedside.auth.authority import Authority
from bedside.auth.directory import change_own_password
from bedside.auth.endpoints.access import SIGNED_IN
from bedside.auth.endpoints.new_password import new_password, password_form
from bedside.auth.endpoints.next_step import next_step
from bedside.auth.endpoints.sign_in import ADDRESS_WAITS, crowded, forged
from bedside.auth.pages import message
from bedside.auth.parameters import Parameters
from bedside.auth.protocol import read_form
from bedside.auth.sign_in.browser import Browser
from bedside.auth.sign_in.lockout import Try, begin_try, succeeded
from bedside.auth.sign_in.network import address_of
from bedside.auth.sign_in.own_pages import ask_for_own_page
from bedside.auth.sign_in.passwords import Crowded
from bedside.auth.sign_in.sessions import current_session, renewed
from bedside.auth.tables import Session as BrowserSession
from bedside.auth.tables import User

PATH = "/account/password"
_WRONG = "The password until now is not that one. After several tries you may have to wait a few minutes."
_THE_SAME = "That is the password you have. Choose another one."


def routes(authority: Authority) -> APIRouter:
    router = APIRouter()

    @router.get(PATH, openapi_extra=SIGNED_IN)
    def shown(request: Request) -> Response:
        browser = Browser(authority, request)
        signed_in = _signed_in(authority, browser)
        return signed_in if isinstance(signed_in, Response) else browser.remember(_form(browser, signed_in))

    @router.post(PATH, openapi_extra=SIGNED_IN)
    async def change(request: Request) -> Response:
        browser, form = Browser(authority, request), await read_form(request)
        signed_in = await run_in_threadpool(_signed_in, authority, browser)
        if isinstance(signed_in, Response):
            return signed_in
        if not browser.proves(form.get("csrf"), _about(signed_in)):
            return forged()
        try:
            with authority.passwords.turn():
                return await _changed(authority, browser, form, signed_in, address_of(authority, request))
        except Crowded:
            return crowded()

    return router


@dataclass(frozen=True)
class _SignedIn:
    user: User
    session_id: str


def _signed_in(authority: Authority, browser: Browser) -> _SignedIn | Response:
    """Others are sent to sign in, and come back to this page."""
    with authority.units.unit() as session:
        browser_session = current_session(session, browser.session_secret, now=authority.clock.now())
        if browser_session is None:
            return next_step(
                authority, session, ask_for_own_page(authority, session, PATH, browser=browser.name), browser
            )
        return _SignedIn(session.get_one(User, browser_session.user_id), browser_session.id)


async def _changed(
    authority: Authority, browser: Browser, form: Parameters, signed_in: _SignedIn, address: str
) -> Response:
    """In steps, so that no transaction is open while passwords are checked and hashed."""
    user, old = signed_in.user, form.get("old") or ""
    password, problem = await new_password(authority, form, user)
    if problem is None and password == old:
        problem = _THE_SAME
    if problem is not None:
        return _form(browser, signed_in, problem=problem)
    tried = await run_in_threadpool(_begin, authority, browser, user, address)
    if not tried.address_may:
        return _form(browser, signed_in, problem=ADDRESS_WAITS, status=429)
    fits = await authority.passwords.fits(old, user.password_hash)
    if not (fits and tried.may):
        await run_in_threadpool(_refuse, authority, user, tried)
        return _form(browser, signed_in, problem=_WRONG, status=403)
    password_hash = await authority.passwords.hashed(password)
    return await run_in_threadpool(_finish, authority, browser, signed_in, tried, password_hash)


def _begin(authority: Authority, browser: Browser, user: User, address: str) -> Try:
    with authority.units.unit() as session:
        now = authority.clock.now()
        return begin_try(session, user.username, browser=browser.name, address=address, now=now)


def _refuse(authority: Authority, user: User, tried: Try) -> None:
    with authority.units.unit() as session:
        reason = "password" if tried.may else "waiting"
        happening = Happening("password-set", "refused", user.id, entity=f"User/{user.id}", detail={"reason": reason})
        record(authority, session, happening)


def _finish(authority: Authority, browser: Browser, signed_in: _SignedIn, tried: Try, password_hash: str) -> Response:
    with authority.units.unit() as session:
        now = authority.clock.now()
        succeeded(session, tried, now=now)
        staying = current_session(session, browser.session_secret, now=now)
        if staying is None or not _set(authority, session, signed_in.user, password_hash, staying):
            return message("Nothing was changed", "You were signed out, or changed it elsewhere meanwhile.", status=409)
        browser.renew(renewed(session, staying))
    text = "Everywhere else you are signed out. Apps that are open here ask for access anew."
    return browser.remember(
        message("Your password is changed", text, status=200, onward=("/account", "To your account"))
    )


def _set(authority: Authority, session: Session, user: User, password_hash: str, staying: BrowserSession) -> bool:
    known = session.get_one(User, user.id)
    return change_own_password(authority, session, known, password_hash, shown=user.password_hash, staying=staying)


def _form(browser: Browser, signed_in: _SignedIn, *, problem: str | None = None, status: int | None = None) -> Response:
    csrf = browser.proof(_about(signed_in))
    return password_form(signed_in.user, action=PATH, csrf=csrf, asks_old=True, problem=problem, status=status)


def _about(signed_in: _SignedIn) -> str:
    return f"change of password {signed_in.session_id}"
