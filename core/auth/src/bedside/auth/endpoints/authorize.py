"""`/authorize`: where an app sends a browser to be allowed to act for its person."""

from dataclasses import replace

from fastapi import APIRouter
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bedside.auth.answers import NO_STORE
from bedside.auth.authority import Authority
from bedside.auth.authorization_request import NotTheirRedirect, Redirect, authorization_request, redirect_of
from bedside.auth.authorizing import error_redirect, keep_request
from bedside.auth.directory import active_client
from bedside.auth.endpoints.access import PUBLIC
from bedside.auth.endpoints.next_step import next_step
from bedside.auth.pages import message
from bedside.auth.parameters import Parameters
from bedside.auth.protocol import read_form
from bedside.auth.pushed import Pushed, is_name, taken
from bedside.auth.refusals import OAuthRefused
from bedside.auth.sign_in.browser import Browser

_TOO_LATE = "What the app asked for was begun too long ago, or was opened already."


def routes(authority: Authority) -> APIRouter:
    router = APIRouter()

    @router.get("/authorize", openapi_extra=PUBLIC)
    def authorize(request: Request) -> Response:
        try:
            parameters = Parameters.parse(request.scope["query_string"])
        except OAuthRefused:
            return _not_theirs("The app that sent you here sent something that cannot be read.")
        return _authorized(authority, parameters, Browser(authority, request))

    @router.post("/authorize", openapi_extra=PUBLIC)
    async def authorize_by_form(request: Request) -> Response:
        parameters = await read_form(request)
        return await run_in_threadpool(_authorized, authority, parameters, Browser(authority, request))

    return router


def _authorized(authority: Authority, parameters: Parameters, browser: Browser) -> Response:
    with authority.units.unit() as session:
        pushed = None
        if is_name(parameters.get("request_uri")):
            pushed = taken(authority, session, parameters)
            if pushed is None:
                return _not_theirs(_TOO_LATE)
            parameters = pushed.parameters
        try:
            redirect = redirect_of(parameters, active_client(session, parameters.get("client_id") or ""))
        except NotTheirRedirect as refused:
            return _not_theirs(str(refused))
        try:
            return _accepted(authority, session, parameters, redirect, browser, pushed)
        except OAuthRefused as refused:
            address = error_redirect(authority, redirect.uri, redirect.state, refused)
            return RedirectResponse(address, 303, headers=NO_STORE)


def _accepted(
    authority: Authority,
    session: Session,
    parameters: Parameters,
    redirect: Redirect,
    browser: Browser,
    pushed: Pushed | None,
) -> Response:
    fhir_base = authority.installation.fhir_base
    asked = authorization_request(parameters, redirect, fhir_base=fhir_base, pushed=pushed is not None)
    if pushed is not None and pushed.bound_to_key is not None:
        asked = replace(asked, bound_to_key=pushed.bound_to_key)
    pending = keep_request(
        authority, session, asked, redirect, browser=browser.name, session_secret=browser.session_secret
    )
    return next_step(authority, session, pending, browser, silent="none" in asked.prompts)


def _not_theirs(text: str) -> Response:
    advice = "Nothing was given to it. Go back to it and try again; if this comes again, tell who gave you the app."
    return message("This sign-in cannot go on", f"{text} {advice}", status=400)
