"""`/consent`: a person decides what an app of others may do for them."""

import re
from typing import Any

from fastapi import APIRouter
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bedside.auth.answers import NO_STORE
from bedside.auth.authority import Authority
from bedside.auth.authorizing import (
    Pending,
    answered_with_code,
    answered_with_error,
    grantable,
    must_sign_in,
    pending_request,
)
from bedside.auth.endpoints.access import PUBLIC
from bedside.auth.endpoints.next_step import next_step
from bedside.auth.endpoints.sign_in import forged, too_late
from bedside.auth.granting import says_something
from bedside.auth.pages import page
from bedside.auth.parameters import Parameters
from bedside.auth.protocol import read_form
from bedside.auth.putting import put
from bedside.auth.refusals import OAuthRefused
from bedside.auth.sign_in.browser import Browser
from bedside.auth.sign_in.sessions import current_session
from bedside.auth.tables import Consent, User
from bedside.auth.tables import Session as BrowserSession
from bedside.identity.scopes import Scopes


def routes(authority: Authority) -> APIRouter:
    router = APIRouter()

    @router.get("/consent", openapi_extra=PUBLIC)
    def consent_page(request: Request) -> Response:
        browser = Browser(authority, request)
        with authority.units.unit() as session:
            found = _found(authority, session, browser, request.query_params.get("request"))
            if isinstance(found, Response):
                return found
            pending, browser_session = found
            try:
                granted = _grantable(authority, session, pending, browser_session)
            except OAuthRefused as refused:
                return _to(answered_with_error(authority, session, pending, refused))
            return _form(browser, pending, granted)

    @router.post("/consent", openapi_extra=PUBLIC)
    async def decide(request: Request) -> Response:
        form = await read_form(request)
        return await run_in_threadpool(_decided, authority, Browser(authority, request), form)

    return router


def _decided(authority: Authority, browser: Browser, form: Parameters) -> Response:
    if not browser.proves(form.get("csrf"), form.get("request") or ""):
        return forged()
    with authority.units.unit() as session:
        found = _found(authority, session, browser, form.get("request"))
        if isinstance(found, Response):
            return found
        pending, browser_session = found
        try:
            return _to(_answer(authority, session, pending, browser_session, form))
        except OAuthRefused as refused:
            return _to(answered_with_error(authority, session, pending, refused))


def _answer(
    authority: Authority, session: Session, pending: Pending, browser_session: BrowserSession, form: Parameters
) -> str:
    chosen = Scopes.parse(" ".join(form.all("scope")))
    granted = _grantable(authority, session, pending, browser_session).intersect(chosen)
    if form.get("decision") != "allow" or not says_something(granted):
        raise OAuthRefused("access_denied", "the person declined")
    address = answered_with_code(authority, session, pending, browser_session, granted)
    now = authority.clock.now()
    put(
        session,
        Consent(user_id=browser_session.user_id, client_id=pending.client.id, scope=str(granted), given_at=now),
    )
    return address


def _found(
    authority: Authority, session: Session, browser: Browser, handle: str | None
) -> tuple[Pending, BrowserSession] | Response:
    pending = pending_request(authority, session, handle, browser=browser.name)
    if pending is None:
        return too_late()
    browser_session = current_session(session, browser.session_secret, now=authority.clock.now())
    if browser_session is None or must_sign_in(pending, browser_session) or pending.own_page:
        return next_step(authority, session, pending, browser.session_secret)
    return pending, browser_session


def _grantable(authority: Authority, session: Session, pending: Pending, browser_session: BrowserSession) -> Scopes:
    user = session.get(User, browser_session.user_id)
    assert user is not None, "a session is somebody's"
    return grantable(authority, session, pending, user)


def _form(browser: Browser, pending: Pending, granted: Scopes) -> Response:
    return page(
        "consent.html",
        sends_on_to=pending.row.redirect_uri,
        app=pending.client.name,
        request=pending.handle,
        csrf=browser.proof(pending.handle),
        scopes=[_in_words(scope) for scope in granted],
    )


def _in_words(scope: str) -> dict[str, Any]:
    return {"value": scope, "words": _WORDS.get(scope) or _access_in_words(scope)}


def _access_in_words(scope: str) -> str:
    """`user/Observation.cu` as a person reads it; what is not understood is shown as it is."""
    parsed = Scopes.parse(scope)
    if not parsed.contexts or "?" in scope:
        return scope
    whose, _, rest = scope.partition("/")
    type_name = rest.partition(".")[0]
    reads = any(parsed.allows(letter, type_name) for letter in "rs")
    writes = any(parsed.allows(letter, type_name) for letter in "cud")
    verb = "read and write" if reads and writes else "write" if writes else "read"
    what = "everything" if type_name == "*" else re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type_name).lower()
    return f"{verb} {what} of {'the patient' if whose == 'patient' else 'every record that you may open'}"


def _to(address: str) -> Response:
    return RedirectResponse(address, 303, headers=NO_STORE)


_WORDS = {
    "openid": "know that it is you",
    "profile": "know your name",
    "fhirUser": "know which person in the record you are",
    "launch/patient": "know which patient this is about",
    "online_access": "go on while you are signed in",
    "offline_access": "go on while you are away, for up to a year",
}
