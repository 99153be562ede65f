"""One more authenticator app, or the first for who need not have one."""

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from bedside.auth.account.owner import PATH as ACCOUNT
from bedside.auth.account.owner import forged_by, owner_of
from bedside.auth.authority import Authority
from bedside.auth.endpoints.access import SIGNED_IN
from bedside.auth.endpoints.enrol import authenticator_page, recovery_page
from bedside.auth.endpoints.factor import WRONG, too_often
from bedside.auth.endpoints.sign_in import forged
from bedside.auth.pages import message
from bedside.auth.parameters import Parameters
from bedside.auth.protocol import read_form
from bedside.auth.sign_in.browser import Browser
from bedside.auth.sign_in.completing import confirmed_factors
from bedside.auth.sign_in.recovery import new_recovery_codes, recovery_codes_left
from bedside.auth.sign_in.second_factor import confirm_code

PATH = f"{ACCOUNT}/authenticator"
FACTORS_MAX = 10


def routes(authority: Authority) -> APIRouter:
    router = APIRouter()

    @router.get(PATH, openapi_extra=SIGNED_IN)
    def shown(request: Request) -> Response:
        browser = Browser(authority, request)
        with authority.units.unit() as session:
            owner = owner_of(authority, session, browser, PATH, fresh=True)
            if isinstance(owner, Response):
                return owner
            if len(confirmed_factors(session, owner.user)) >= FACTORS_MAX:
                return _enough()
            return browser.remember(authenticator_page(authority, session, owner.user, action=PATH, csrf=owner.csrf))

    @router.post(PATH, openapi_extra=SIGNED_IN)
    async def confirm(request: Request) -> Response:
        browser, form = Browser(authority, request), await read_form(request)
        return await run_in_threadpool(_confirmed, authority, browser, form)

    return router


def _confirmed(authority: Authority, browser: Browser, form: Parameters) -> Response:
    with authority.units.unit() as session:
        owner = owner_of(authority, session, browser, PATH, fresh=True, sending=True)
        if isinstance(owner, Response):
            return owner
        if forged_by(browser, owner, form.get("csrf")):
            return forged()
        if len(confirmed_factors(session, owner.user)) >= FACTORS_MAX:
            return _enough()
        typed = form.get("otp") or ""
        outcome = confirm_code(authority, session, browser, owner.browser_session, owner.user, typed)
        if outcome == "over":
            return too_often()
        if outcome == "wrong":
            return authenticator_page(authority, session, owner.user, action=PATH, csrf=owner.csrf, problem=WRONG)
        # Whoever has codes keeps them: those that lie in a drawer are not made void by another telephone.
        if recovery_codes_left(session, owner.user):
            done = message(
                "The app is set up",
                "From now on its codes let you in as well.",
                status=200,
                onward=(ACCOUNT, "To your account"),
            )
            return browser.remember(done)
        codes = new_recovery_codes(authority, session, owner.user)
    return browser.remember(recovery_page(codes, onward=ACCOUNT))


def _enough() -> Response:
    return message(
        "You have enough of them",
        f"There may be {FACTORS_MAX}. Remove one that you do not use any more.",
        status=409,
        onward=(ACCOUNT, "To your account"),
    )
