"""`/sign-in`: the form, and what follows from it."""

from fastapi import APIRouter
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from bedside.auth.authority import Authority
from bedside.auth.authorizing import Pending, pending_request
from bedside.auth.directory import user_named
from bedside.auth.endpoints.access import PUBLIC
from bedside.auth.endpoints.next_step import next_step
from bedside.auth.pages import message, page
from bedside.auth.parameters import Parameters
from bedside.auth.protocol import read_form
from bedside.auth.sign_in.browser import Browser
from bedside.auth.sign_in.lockout import begin_attempt, succeeded
from bedside.auth.sign_in.own_pages import ask_for_own_page, own_path
from bedside.auth.sign_in.sessions import begin_session, started_session
from bedside.auth.sign_in.shown import shown_of
from bedside.auth.tables import User

# One sentence for a wrong name, a wrong password and an account that has to wait.
_WRONG = "That username and password do not go together. After several tries you may have to wait a few minutes."


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
            return browser.remember(_form(browser, pending) if pending else too_late())

    @router.post("/sign-in", openapi_extra=PUBLIC)
    async def sign_in(request: Request) -> Response:
        browser = Browser(authority, request)
        form = await read_form(request)
        if not browser.proves(form.get("csrf"), form.get("request") or ""):
            return forged()
        username, password = (form.get("username") or "")[:200], form.get("password") or ""
        # Three steps, so that no transaction is open while the password is checked.
        begun = await run_in_threadpool(_begin, authority, browser, form, username)
        if isinstance(begun, Response):
            return begun
        may_try, password_hash = begun
        fits = await authority.passwords.fits(password, password_hash) and may_try
        return await run_in_threadpool(_finish, authority, browser, form, username if fits else None, username)

    return router


def _begin(
    authority: Authority, browser: Browser, form: Parameters, username: str
) -> Response | tuple[bool, str | None]:
    with authority.units.unit() as session:
        if pending_request(authority, session, form.get("request"), browser=browser.name) is None:
            return too_late()
        may_try = begin_attempt(session, username, now=authority.clock.now())
        user = user_named(session, username)
        return may_try, user.password_hash if user is not None and user.active else None


def _finish(authority: Authority, browser: Browser, form: Parameters, proven: str | None, username: str) -> Response:
    with authority.units.unit() as session:
        pending = pending_request(authority, session, form.get("request"), browser=browser.name)
        if pending is None:
            return too_late()
        user = user_named(session, proven) if proven is not None else None
        if user is None or not user.active:
            return _form(browser, pending, username=username, problem=_WRONG, status=401)
        return _signed_in(authority, session, pending, browser, user)


def _signed_in(authority: Authority, session: Session, pending: Pending, browser: Browser, user: User) -> Response:
    now = authority.clock.now()
    succeeded(session, user.username, now=now)
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
