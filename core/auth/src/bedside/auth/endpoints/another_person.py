"""`/another-person`: who finds somebody else signed in at this browser begins anew, and the app's request stays."""

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from bedside.auth.authority import Authority
from bedside.auth.authorizing import pending_request
from bedside.auth.endpoints.access import PUBLIC
from bedside.auth.endpoints.next_step import next_step
from bedside.auth.endpoints.sign_in import forged, too_late
from bedside.auth.parameters import Parameters
from bedside.auth.protocol import read_form
from bedside.auth.sign_in.browser import Browser
from bedside.auth.sign_in.sessions import started_session


def routes(authority: Authority) -> APIRouter:
    router = APIRouter()

    @router.post("/another-person", openapi_extra=PUBLIC)
    async def another_person(request: Request) -> Response:
        form, browser = await read_form(request), Browser(authority, request)
        if not browser.proves(form.get("csrf"), form.get("request") or ""):
            return forged()
        return await run_in_threadpool(_asked_anew, authority, browser, form)

    return router


def _asked_anew(authority: Authority, browser: Browser, form: Parameters) -> Response:
    """Whoever is signed in stays it until somebody has signed in instead: what else they have open goes on."""
    with authority.units.unit() as session:
        pending = pending_request(authority, session, form.get("request"), browser=browser.name)
        if pending is None:
            return too_late()
        known = started_session(session, browser.session_secret, now=authority.clock.now())
        if known is not None:
            pending.row.session_before = known.id
            session.add(pending.row)
        return next_step(authority, session, pending, browser)
