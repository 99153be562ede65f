"""`/enrol`: who must have a second factor and has none gets one before anything else."""

from collections.abc import Callable
from urllib.parse import urlencode

from fastapi import APIRouter
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from bedside.auth.authority import Authority
from bedside.auth.endpoints.access import PUBLIC
from bedside.auth.endpoints.factor import WRONG, too_often
from bedside.auth.endpoints.next_step import next_step
from bedside.auth.endpoints.sign_in import forged
from bedside.auth.endpoints.step import At, at_step
from bedside.auth.pages import page
from bedside.auth.parameters import Parameters
from bedside.auth.protocol import read_form
from bedside.auth.sign_in.authenticator import address_of, shown_authenticator
from bedside.auth.sign_in.browser import Browser
from bedside.auth.sign_in.completing import must_be_passkey
from bedside.auth.sign_in.passkeys import options_to_create
from bedside.auth.sign_in.picture import picture
from bedside.auth.sign_in.recovery import new_recovery_codes, recovery_codes_left
from bedside.auth.sign_in.second_factor import confirm_code, enrol_passkey
from bedside.auth.tables import Session as BrowserSession
from bedside.auth.tables import User

NOT_MADE = "That passkey was not accepted. Try again, or use another device."


def routes(authority: Authority) -> APIRouter:
    router = APIRouter()

    @router.get("/enrol", openapi_extra=PUBLIC)
    def enrol_page(request: Request) -> Response:
        return _page(authority, request, _form)

    @router.post("/enrol", openapi_extra=PUBLIC)
    async def enrol(request: Request) -> Response:
        browser, form = Browser(authority, request), await read_form(request)
        return await run_in_threadpool(_enrolled, authority, browser, form, by_passkey=False)

    @router.get("/enrol/passkey", openapi_extra=PUBLIC)
    def passkey_page(request: Request) -> Response:
        return _page(authority, request, _passkey_form)

    @router.post("/enrol/passkey", openapi_extra=PUBLIC)
    async def passkey(request: Request) -> Response:
        browser, form = Browser(authority, request), await read_form(request)
        return await run_in_threadpool(_enrolled, authority, browser, form, by_passkey=True)

    return router


def _page(authority: Authority, request: Request, form: Callable[..., Response]) -> Response:
    browser = Browser(authority, request)
    with authority.units.unit() as session:
        at = at_step(authority, session, browser, request.query_params.get("request"), "enrol")
        return at if isinstance(at, Response) else browser.remember(form(authority, session, browser, at))


def _enrolled(authority: Authority, browser: Browser, form: Parameters, *, by_passkey: bool) -> Response:
    if not browser.proves(form.get("csrf"), form.get("request") or ""):
        return forged()
    with authority.units.unit() as session:
        at = at_step(authority, session, browser, form.get("request"), "enrol")
        if isinstance(at, Response):
            return at
        by_passkey = by_passkey and authority.installation.passkey_host is not None
        show, field = (enrol_passkey, "credential") if by_passkey else (confirm_code, "otp")
        outcome = show(authority, session, browser, at.browser_session, at.user, form.get(field) or "")
        if outcome == "over":
            return too_often()
        if outcome == "wrong":
            again, problem = (_passkey_form, NOT_MADE) if by_passkey else (_form, WRONG)
            return again(authority, session, browser, at, problem=problem)
        if recovery_codes_left(session, at.user):
            return next_step(authority, session, at.pending, browser)
        codes = new_recovery_codes(authority, session, at.user)
    # Nothing is missing any more at that page, which so leads on.
    return browser.remember(recovery_page(codes, onward="/factor", request=at.pending.handle))


def _form(authority: Authority, session: Session, browser: Browser, at: At, *, problem: str | None = None) -> Response:
    if must_be_passkey(at.pending):
        return _passkey_form(authority, session, browser, at, problem=problem)
    handle = at.pending.handle
    possible = authority.installation.passkey_host is not None
    return authenticator_page(
        authority,
        session,
        at.user,
        action="/enrol",
        csrf=browser.proof(handle),
        request=handle,
        problem=problem,
        otherwise=f"/enrol/passkey?{urlencode({'request': handle})}" if possible else None,
    )


def _passkey_form(
    authority: Authority, session: Session, browser: Browser, at: At, *, problem: str | None = None
) -> Response:
    if authority.installation.passkey_host is None:
        return _form(authority, session, browser, at, problem=problem)
    handle = at.pending.handle
    return passkey_page(
        authority,
        session,
        at.browser_session,
        at.user,
        action="/enrol/passkey",
        csrf=browser.proof(handle),
        request=handle,
        problem=problem,
        otherwise=None if must_be_passkey(at.pending) else f"/enrol?{urlencode({'request': handle})}",
    )


def passkey_page(
    authority: Authority,
    session: Session,
    browser_session: BrowserSession,
    user: User,
    *,
    action: str,
    csrf: str,
    request: str | None = None,
    problem: str | None = None,
    otherwise: str | None = None,
) -> Response:
    """The button that makes the browser ask for a new passkey."""
    return page(
        "enrol_passkey.html",
        status=200 if problem is None else 401,
        scripted=True,
        action=action,
        csrf=csrf,
        request=request,
        problem=problem,
        options=options_to_create(authority, session, browser_session, user),
        username=user.username,
        otherwise=otherwise,
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
    otherwise: str | None = None,
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
        otherwise=otherwise,
    )


def recovery_page(codes: list[str], *, onward: str, request: str | None = None) -> Response:
    return page("recovery.html", codes=codes, onward=onward, request=request)
