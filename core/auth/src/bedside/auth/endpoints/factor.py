"""`/factor`: who has a second factor shows it."""

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from bedside.auth.authority import Authority
from bedside.auth.endpoints.access import PUBLIC
from bedside.auth.endpoints.next_step import next_step
from bedside.auth.endpoints.sign_in import forged
from bedside.auth.endpoints.step import At, at_step
from bedside.auth.pages import message, page
from bedside.auth.parameters import Parameters
from bedside.auth.protocol import read_form
from bedside.auth.sign_in.browser import Browser
from bedside.auth.sign_in.second_factor import show_code
from bedside.auth.sign_in.shown import shown_of

WRONG = "That code is not right, or it was used before. Wait for the next one, and check the clock of your telephone."


def routes(authority: Authority) -> APIRouter:
    router = APIRouter()

    @router.get("/factor", openapi_extra=PUBLIC)
    def factor_page(request: Request) -> Response:
        browser = Browser(authority, request)
        with authority.units.unit() as session:
            at = at_step(authority, session, browser, request.query_params.get("request"), "factor")
            return at if isinstance(at, Response) else browser.remember(_form(browser, at))

    @router.post("/factor", openapi_extra=PUBLIC)
    async def factor(request: Request) -> Response:
        browser, form = Browser(authority, request), await read_form(request)
        if not browser.proves(form.get("csrf"), form.get("request") or ""):
            return forged()
        return await run_in_threadpool(_shown, authority, browser, form)

    return router


def _shown(authority: Authority, browser: Browser, form: Parameters) -> Response:
    with authority.units.unit() as session:
        at = at_step(authority, session, browser, form.get("request"), "factor")
        if isinstance(at, Response):
            return at
        outcome = show_code(authority, session, browser, at.browser_session, at.user, form.get("otp") or "")
        if outcome == "over":
            return too_often()
        if outcome == "wrong":
            return _form(browser, at, problem=WRONG)
        return next_step(authority, session, at.pending, browser)


def too_often() -> Response:
    return message(
        "Too many wrong codes",
        "This sign-in is over. Go back to the app and begin again, after a few minutes at most.",
        status=401,
    )


def _form(browser: Browser, at: At, *, problem: str | None = None) -> Response:
    return page(
        "factor.html",
        status=200 if problem is None else 401,
        csrf=browser.proof(at.pending.handle),
        problem=problem,
        **shown_of(at.pending),
    )
