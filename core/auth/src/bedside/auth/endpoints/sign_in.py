"""`/sign-in`: the form, and what follows from it."""

from dataclasses import dataclass

from fastapi import APIRouter
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from bedside.auth.access_log import Happening, record
from bedside.auth.authority import Authority
from bedside.auth.authorizing import Pending, pending_request
from bedside.auth.directory import user_named
from bedside.auth.endpoints.access import PUBLIC
from bedside.auth.endpoints.next_step import next_step
from bedside.auth.pages import message, page
from bedside.auth.parameters import Parameters
from bedside.auth.protocol import read_form
from bedside.auth.sign_in.browser import Browser
from bedside.auth.sign_in.completing import signed_in_for
from bedside.auth.sign_in.lockout import Try, begin_try, succeeded
from bedside.auth.sign_in.network import address_of
from bedside.auth.sign_in.own_pages import ask_for_own_page, own_path
from bedside.auth.sign_in.passwords import Crowded
from bedside.auth.sign_in.sessions import begin_session, started_session
from bedside.auth.sign_in.shown import shown_of
from bedside.auth.tables import User

# One sentence for a wrong name, a wrong password and an account that has to wait.
_WRONG = "That username and password do not go together. After several tries you may have to wait a few minutes."

ADDRESS_WAITS = (
    "There were too many wrong sign-ins from your network. Try again in ten minutes, or from a browser in which you"
    " have signed in before."
)


def routes(authority: Authority) -> APIRouter:
    router = APIRouter()

    @router.get("/sign-in", openapi_extra=PUBLIC)
    def sign_in_page(request: Request) -> Response:
        browser = Browser(authority, request)
        handle, onward = request.query_params.get("request"), own_path(request.query_params.get("to"))
        with authority.units.unit() as session:
            if onward is not None:
                waiting = ask_for_own_page(authority, session, onward, browser=browser.name)
                return next_step(authority, session, waiting, browser)
            pending = pending_request(authority, session, handle, browser=browser.name)
            if pending is None:
                return browser.remember(too_late())
            if signed_in_for(authority, session, pending, browser) is not None:
                # A browser keeps its cookies from a form that another site sends to /authorize; here it brings them.
                return next_step(authority, session, pending, browser)
            return browser.remember(_form(browser, pending, username=pending.row.login_hint or ""))

    @router.post("/sign-in", openapi_extra=PUBLIC)
    async def sign_in(request: Request) -> Response:
        browser = Browser(authority, request)
        form = await read_form(request)
        if not browser.proves(form.get("csrf"), form.get("request") or ""):
            return forged()
        asked = _Asked(browser, form, (form.get("username") or "")[:200], address_of(authority, request))
        try:
            with authority.passwords.turn():
                return await _tried(authority, asked)
        except Crowded:
            return crowded()

    return router


@dataclass(frozen=True)
class _Asked:
    browser: Browser
    form: Parameters
    username: str
    address: str


async def _tried(authority: Authority, asked: _Asked) -> Response:
    """Three steps, so that no transaction is open while the password is checked."""
    begun = await run_in_threadpool(_begin, authority, asked)
    if isinstance(begun, Response):
        return begun
    tried, password_hash = begun
    fits = await authority.passwords.fits(asked.form.get("password") or "", password_hash)
    return await run_in_threadpool(_finish, authority, asked, tried, fits=fits)


def _begin(authority: Authority, asked: _Asked) -> Response | tuple[Try, str | None]:
    with authority.units.unit() as session:
        pending = _pending(authority, session, asked)
        if pending is None:
            return too_late()
        now = authority.clock.now()
        tried = begin_try(session, asked.username, browser=asked.browser.name, address=asked.address, now=now)
        if not tried.address_may:
            return _form(asked.browser, pending, username=asked.username, problem=ADDRESS_WAITS, status=429)
        user = user_named(session, asked.username)
        return tried, user.password_hash if user is not None and user.active else None


def _finish(authority: Authority, asked: _Asked, tried: Try, *, fits: bool) -> Response:
    with authority.units.unit() as session:
        pending = _pending(authority, session, asked)
        if pending is None:
            return too_late()
        user = user_named(session, asked.username)
        if user is None or not user.active or not fits or not tried.may:
            record(authority, session, _refused(user, tried))
            return _form(asked.browser, pending, username=asked.username, problem=_WRONG, status=401)
        succeeded(session, tried, now=authority.clock.now())
        return _signed_in(authority, session, pending, asked.browser, user)


def _pending(authority: Authority, session: Session, asked: _Asked) -> Pending | None:
    return pending_request(authority, session, asked.form.get("request"), browser=asked.browser.name)


def _refused(user: User | None, tried: Try) -> Happening:
    """What was typed is not told: it may be a password in the wrong field."""
    reason = "unknown" if user is None else "inactive" if not user.active else "password" if tried.may else "waiting"
    entity = f"User/{user.id}" if user is not None else None
    return Happening("sign-in", "refused", entity=entity, detail={"reason": reason})


def _signed_in(authority: Authority, session: Session, pending: Pending, browser: Browser, user: User) -> Response:
    now = authority.clock.now()
    before = started_session(session, browser.session_secret, now=now)
    secret, _ = begin_session(session, user, now=now, agent=browser.agent, replaces=before)
    browser.renew(secret)
    return next_step(authority, session, pending, browser)


def _form(
    browser: Browser, pending: Pending, *, username: str = "", problem: str | None = None, status: int = 200
) -> Response:
    return page(
        "sign_in.html",
        status=status,
        csrf=browser.proof(pending.handle),
        username=username,
        problem=problem,
        **shown_of(pending),
    )


def too_late() -> Response:
    return message(
        "This sign-in is over",
        "It took too long, or it was finished already. Go back to the app and begin again.",
        status=400,
    )


def forged() -> Response:
    return message(
        "This form cannot be accepted",
        "It did not come from the page this browser was shown. Go back to the app and begin again.",
        status=403,
    )


def crowded() -> Response:
    answer = message("Too many people are signing in just now", "Go back, and try again in a few seconds.", status=503)
    answer.headers["Retry-After"] = "3"
    return answer
