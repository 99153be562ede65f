"""Recovery codes anew."""

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from bedside.auth.access_log import Happening, record
from bedside.auth.account.owner import PATH as ACCOUNT
from bedside.auth.account.owner import forged_by, owner_of
from bedside.auth.authority import Authority
from bedside.auth.endpoints.access import SIGNED_IN
from bedside.auth.endpoints.enrol import recovery_page
from bedside.auth.endpoints.sign_in import forged
from bedside.auth.pages import message, page
from bedside.auth.parameters import Parameters
from bedside.auth.protocol import read_form
from bedside.auth.sign_in.browser import Browser
from bedside.auth.sign_in.completing import factors_of
from bedside.auth.sign_in.recovery import new_recovery_codes

PATH = f"{ACCOUNT}/recovery-codes"


def routes(authority: Authority) -> APIRouter:
    router = APIRouter()

    @router.get(PATH, openapi_extra=SIGNED_IN)
    def asked(request: Request) -> Response:
        browser = Browser(authority, request)
        with authority.units.unit() as session:
            owner = owner_of(authority, session, browser, PATH, fresh=True)
            if isinstance(owner, Response):
                return owner
            shown = page(
                "account_confirm.html",
                title="New recovery codes?",
                text="Those that you have are then good no longer.",
                button="Make new codes",
                action=PATH,
                csrf=owner.csrf,
                danger=False,
            )
            return browser.remember(shown)

    @router.post(PATH, openapi_extra=SIGNED_IN)
    async def made(request: Request) -> Response:
        browser, form = Browser(authority, request), await read_form(request)
        return await run_in_threadpool(_made, authority, browser, form)

    return router


def _made(authority: Authority, browser: Browser, form: Parameters) -> Response:
    with authority.units.unit() as session:
        owner = owner_of(authority, session, browser, PATH, fresh=True, sending=True)
        if isinstance(owner, Response):
            return owner
        if forged_by(browser, owner, form.get("csrf")):
            return forged()
        if not factors_of(session, owner.user):
            return message(
                "There is nothing to recover from",
                "You sign in by password alone. Set up an authenticator app first.",
                status=409,
                onward=(ACCOUNT, "To your account"),
            )
        codes = new_recovery_codes(authority, session, owner.user)
        happening = Happening("recovery-codes-made", user_id=owner.user.id, entity=f"User/{owner.user.id}")
        record(authority, session, happening)
    return browser.remember(recovery_page(codes, onward=ACCOUNT))
