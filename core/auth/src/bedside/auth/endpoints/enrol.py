"""`/enrol`: who must have a second factor and has none gets one before anything else."""

from fastapi import APIRouter
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from bedside.auth.authority import Authority
from bedside.auth.endpoints.access import PUBLIC
from bedside.auth.endpoints.factor import WRONG, too_often
from bedside.auth.endpoints.sign_in import forged
from bedside.auth.endpoints.step import At, at_step
from bedside.auth.pages import page
from bedside.auth.parameters import Parameters
from bedside.auth.protocol import read_form
from bedside.auth.sign_in.authenticator import address_of, shown_authenticator
from bedside.auth.sign_in.browser import Browser
from bedside.auth.sign_in.picture import picture
from bedside.auth.sign_in.recovery import new_recovery_codes
from bedside.auth.sign_in.second_factor import confirm_code
from bedside.auth.tables import User


def routes(authority: Authority) -> APIRouter:
    router = APIRouter()

    @router.get("/enrol", openapi_extra=PUBLIC)
    def enrol_page(request: Request) -> Response:
        browser = Browser(authority, request)
        with authority.units.unit() as session:
            at = at_step(authority, session, browser, request.query_params.get("request"), "enrol")
            return at if isinstance(at, Response) else browser.remember(_form(authority, session, browser, at))

    @router.post("/enrol", openapi_extra=PUBLIC)
    async def enrol(request: Request) -> Response:
        browser, form = Browser(authority, request), await read_form(request)
        if not browser.proves(form.get("csrf"), form.get("request") or ""):
            return forged()
        return await run_in_threadpool(_enrolled, authority, browser, form)

    return router


def _enrolled(authority: Authority, browser: Browser, form: Parameters) -> Response:
    with authority.units.unit() as session:
        at = at_step(authority, session, browser, form.get("request"), "enrol")
        if isinstance(at, Response):
            return at
        outcome = confirm_code(authority, session, browser, at.browser_session, at.user, form.get("otp") or "")
        if outcome == "over":
            return too_often()
        if outcome == "wrong":
            return _form(authority, session, browser, at, problem=WRONG)
        codes = new_recovery_codes(authority, session, at.user)
    # Nothing is missing any more at that page, which so leads on.
    return browser.remember(recovery_page(codes, onward="/factor", request=at.pending.handle))


def _form(authority: Authority, session: Session, browser: Browser, at: At, *, problem: str | None = None) -> Response:
    return authenticator_page(
        authority,
        session,
        at.user,
        action="/enrol",
        csrf=browser.proof(at.pending.handle),
        request=at.pending.handle,
        problem=problem,
    )


def authenticator_page(
    authority: Authority,
    session: Session,
    user: User,
    *,
    action: str,
    csrf: str,
    request: str | None = None,
    problem: str | None = None,
) -> Response:
    """The secret as a picture and as letters, and the field for the first code."""
    _, secret = shown_authenticator(authority, session, user)
    return page(
        "enrol.html",
        status=200 if problem is None else 401,
        action=action,
        csrf=csrf,
        request=request,
        problem=problem,
        address=address_of(secret, user),
        picture=picture(address_of(secret, user)),
        secret=" ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
        username=user.username,
    )


def recovery_page(codes: list[str], *, onward: str, request: str | None = None) -> Response:
    return page("recovery.html", codes=codes, onward=onward, request=request)
