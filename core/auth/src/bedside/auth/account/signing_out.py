"""Ending one browser's session, or everything everywhere."""

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bedside.auth.access_log import Happening, record
from bedside.auth.account.owner import PATH as ACCOUNT
from bedside.auth.account.owner import forged_by, owner_of
from bedside.auth.answers import NO_STORE
from bedside.auth.authority import Authority
from bedside.auth.endpoints.access import SIGNED_IN
from bedside.auth.endpoints.sign_in import forged
from bedside.auth.pages import message
from bedside.auth.parameters import Parameters
from bedside.auth.protocol import read_form
from bedside.auth.revocation import end_grants_of, end_session
from bedside.auth.sign_in.browser import Browser
from bedside.auth.tables import Session as BrowserSession


def routes(authority: Authority) -> APIRouter:
    router = APIRouter()

    @router.post(f"{ACCOUNT}/sessions/{{session_id}}/end", openapi_extra=SIGNED_IN)
    async def end_one(request: Request, session_id: str) -> Response:
        browser, form = Browser(authority, request), await read_form(request)
        return await run_in_threadpool(_one_ended, authority, browser, form, session_id)

    @router.post(f"{ACCOUNT}/sign-out-everywhere", openapi_extra=SIGNED_IN)
    async def end_all(request: Request) -> Response:
        browser, form = Browser(authority, request), await read_form(request)
        return await run_in_threadpool(_all_ended, authority, browser, form)

    return router


def _one_ended(authority: Authority, browser: Browser, form: Parameters, session_id: str) -> Response:
    with authority.units.unit() as session:
        owner = owner_of(authority, session, browser, ACCOUNT)
        if isinstance(owner, Response):
            return owner
        if forged_by(browser, owner, form.get("csrf")):
            return forged()
        ended = session.get(BrowserSession, session_id)
        # Another's is told like one that is over: nothing is said of it.
        if ended is not None and ended.user_id == owner.user.id:
            end_session(authority, session, ended)
            happening = Happening("session-ended", user_id=owner.user.id, entity=f"Session/{ended.id}")
            record(authority, session, happening)
    return RedirectResponse(ACCOUNT, 303, headers=NO_STORE)


def _all_ended(authority: Authority, browser: Browser, form: Parameters) -> Response:
    with authority.units.unit() as session:
        owner = owner_of(authority, session, browser, ACCOUNT)
        if isinstance(owner, Response):
            return owner
        if forged_by(browser, owner, form.get("csrf")):
            return forged()
        end_grants_of(authority, session, [owner.user.id])
        record(
            authority,
            session,
            Happening("sign-out", user_id=owner.user.id, entity=f"User/{owner.user.id}", detail={"of": "everywhere"}),
        )
    text = "In every browser, and every app that could act for you. It takes a few seconds to reach all of them."
    gone = message("You are signed out everywhere", text, status=200, onward=(ACCOUNT, "Sign in again"))
    return browser.forget_session(gone)
