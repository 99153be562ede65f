"""One more second factor, or the first for who need not have one: an authenticator app, or a passkey."""

from fastapi import APIRouter
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from bedside.auth.account.owner import PATH as ACCOUNT
from bedside.auth.account.owner import Owner, forged_by, owner_of
from bedside.auth.authority import Authority
from bedside.auth.endpoints.access import SIGNED_IN
from bedside.auth.endpoints.enrol import NOT_MADE, authenticator_page, passkey_page, recovery_page
from bedside.auth.endpoints.factor import WRONG, too_often
from bedside.auth.endpoints.sign_in import forged
from bedside.auth.pages import message
from bedside.auth.parameters import Parameters
from bedside.auth.protocol import read_form
from bedside.auth.sign_in.browser import Browser
from bedside.auth.sign_in.completing import confirmed_factors
from bedside.auth.sign_in.recovery import new_recovery_codes, recovery_codes_left
from bedside.auth.sign_in.second_factor import confirm_code, enrol_passkey

PATH = f"{ACCOUNT}/authenticator"
PASSKEY_PATH = f"{ACCOUNT}/passkey"
FACTORS_MAX = 10


def routes(authority: Authority) -> APIRouter:
    router = APIRouter()

    @router.get(PATH, openapi_extra=SIGNED_IN)
    def app_page(request: Request) -> Response:
        return _page(authority, request, PATH)

    @router.post(PATH, openapi_extra=SIGNED_IN)
    async def confirm(request: Request) -> Response:
        browser, form = Browser(authority, request), await read_form(request)
        return await run_in_threadpool(_confirmed, authority, browser, form, PATH)

    @router.get(PASSKEY_PATH, openapi_extra=SIGNED_IN)
    def key_page(request: Request) -> Response:
        return _page(authority, request, PASSKEY_PATH)

    @router.post(PASSKEY_PATH, openapi_extra=SIGNED_IN)
    async def made(request: Request) -> Response:
        browser, form = Browser(authority, request), await read_form(request)
        return await run_in_threadpool(_confirmed, authority, browser, form, PASSKEY_PATH)

    return router


def _page(authority: Authority, request: Request, path: str) -> Response:
    browser = Browser(authority, request)
    with authority.units.unit() as session:
        owner = owner_of(authority, session, browser, path, fresh=True)
        if isinstance(owner, Response):
            return owner
        return _refused(authority, session, owner, path) or browser.remember(_form(authority, session, owner, path))


def _confirmed(authority: Authority, browser: Browser, form: Parameters, path: str) -> Response:
    with authority.units.unit() as session:
        owner = owner_of(authority, session, browser, path, fresh=True, sending=True)
        if isinstance(owner, Response):
            return owner
        if forged_by(browser, owner, form.get("csrf")):
            return forged()
        if refused := _refused(authority, session, owner, path):
            return refused
        show, field = (enrol_passkey, "credential") if path == PASSKEY_PATH else (confirm_code, "otp")
        outcome = show(authority, session, browser, owner.browser_session, owner.user, form.get(field) or "")
        if outcome == "over":
            return too_often()
        if outcome == "wrong":
            problem = NOT_MADE if path == PASSKEY_PATH else WRONG
            return _form(authority, session, owner, path, problem=problem)
        # Whoever has codes keeps them: those that lie in a drawer are not made void by another telephone.
        if recovery_codes_left(session, owner.user):
            return browser.remember(_set_up())
        codes = new_recovery_codes(authority, session, owner.user)
    return browser.remember(recovery_page(codes, onward=ACCOUNT))


def _form(authority: Authority, session: Session, owner: Owner, path: str, *, problem: str | None = None) -> Response:
    if path == PASSKEY_PATH:
        return passkey_page(
            authority, session, owner.browser_session, owner.user, action=path, csrf=owner.csrf, problem=problem
        )
    return authenticator_page(authority, session, owner.user, action=path, csrf=owner.csrf, problem=problem)


def _refused(authority: Authority, session: Session, owner: Owner, path: str) -> Response | None:
    if path == PASSKEY_PATH and authority.installation.passkey_host is None:
        return message(
            "Passkeys do not work here",
            "They belong to a name, and this installation is reached by a bare address. Use an authenticator app.",
            status=409,
            onward=(ACCOUNT, "To your account"),
        )
    return _enough() if len(confirmed_factors(session, owner.user)) >= FACTORS_MAX else None


def _set_up() -> Response:
    return message(
        "It is set up", "From now on it lets you in as well.", status=200, onward=(ACCOUNT, "To your account")
    )


def _enough() -> Response:
    return message(
        "You have enough of them",
        f"There may be {FACTORS_MAX}. Remove one that you do not use any more.",
        status=409,
        onward=(ACCOUNT, "To your account"),
    )
