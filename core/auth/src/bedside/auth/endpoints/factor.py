"""`/factor`: who has a second factor shows it."""

from collections.abc import Callable

from fastapi import APIRouter
from sqlmodel import Session
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
from bedside.auth.sign_in.completing import factors_of, must_be_passkey
from bedside.auth.sign_in.passkeys import KIND as PASSKEY
from bedside.auth.sign_in.passkeys import options_to_get
from bedside.auth.sign_in.second_factor import Outcome, show_code, show_passkey
from bedside.auth.sign_in.shown import shown_of

WRONG = "That code is not right, or it was used before. Wait for the next one, and check the clock of your telephone."
WRONG_PASSKEY = "That passkey was not accepted. Try again, or use another way."


def routes(authority: Authority) -> APIRouter:
    router = APIRouter()

    @router.get("/factor", openapi_extra=PUBLIC)
    def factor_page(request: Request) -> Response:
        browser = Browser(authority, request)
        with authority.units.unit() as session:
            at = at_step(authority, session, browser, request.query_params.get("request"), "factor")
            return at if isinstance(at, Response) else browser.remember(_form(authority, session, browser, at))

    @router.post("/factor", openapi_extra=PUBLIC)
    async def factor(request: Request) -> Response:
        browser, form = Browser(authority, request), await read_form(request)
        return await run_in_threadpool(_shown, authority, browser, form, show_code, "otp", WRONG)

    @router.post("/factor/passkey", openapi_extra=PUBLIC)
    async def passkey(request: Request) -> Response:
        browser, form = Browser(authority, request), await read_form(request)
        return await run_in_threadpool(_shown, authority, browser, form, show_passkey, "credential", WRONG_PASSKEY)

    return router


def _shown(
    authority: Authority, browser: Browser, form: Parameters, show: Callable[..., Outcome], field: str, wrong: str
) -> Response:
    if not browser.proves(form.get("csrf"), form.get("request") or ""):
        return forged()
    with authority.units.unit() as session:
        at = at_step(authority, session, browser, form.get("request"), "factor")
        if isinstance(at, Response):
            return at
        outcome = show(authority, session, browser, at.browser_session, at.user, form.get(field) or "")
        if outcome == "over":
            return too_often()
        if outcome == "wrong":
            return _form(authority, session, browser, at, problem=wrong)
        return next_step(authority, session, at.pending, browser)


def too_often() -> Response:
    return message(
        "Too many wrong codes",
        "This sign-in is over. Go back to the app and begin again, after a few minutes at most.",
        status=401,
    )


def _form(authority: Authority, session: Session, browser: Browser, at: At, *, problem: str | None = None) -> Response:
    kinds = factors_of(session, at.user)
    by_passkey = authority.installation.passkey_host is not None and PASSKEY in kinds
    options = options_to_get(authority, session, at.browser_session, at.user) if by_passkey else None
    return page(
        "factor.html",
        status=200 if problem is None else 401,
        scripted=by_passkey,
        csrf=browser.proof(at.pending.handle),
        problem=problem,
        options=options,
        # Recovery codes open the way to who has lost the passkey, but not where nothing less than one will do.
        codes=not must_be_passkey(at.pending),
        **shown_of(at.pending),
    )
