"""`/consent`: a person decides what an app of others may do for them."""

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bedside.auth.access_log import Happening, record
from bedside.auth.answers import NO_STORE
from bedside.auth.authority import Authority
from bedside.auth.authorizing import (
    Pending,
    answered_with_code,
    answered_with_error,
    context_of,
    grantable,
    must_choose_patient,
    pending_request,
)
from bedside.auth.consent import give_consent
from bedside.auth.directory import roles_of
from bedside.auth.endpoints.access import PUBLIC
from bedside.auth.endpoints.next_step import next_step
from bedside.auth.endpoints.sign_in import forged, too_late
from bedside.auth.granting import says_something
from bedside.auth.looking import token_to_look
from bedside.auth.pages import page
from bedside.auth.parameters import Parameters
from bedside.auth.protocol import read_form
from bedside.auth.records import RecordsAway
from bedside.auth.refusals import OAuthRefused
from bedside.auth.scope_words import choices
from bedside.auth.sign_in.browser import Browser
from bedside.auth.sign_in.completing import signed_in_for
from bedside.auth.sign_in.shown import goes_to
from bedside.auth.tables import Session as BrowserSession
from bedside.auth.tables import User
from bedside.auth.whom import may_search
from bedside.identity.roles import ceiling
from bedside.identity.scopes import Scopes


def routes(authority: Authority) -> APIRouter:
    router = APIRouter()

    @router.get("/consent", openapi_extra=PUBLIC)
    async def consent_page(request: Request) -> Response:
        browser = Browser(authority, request)
        return await _shown(authority, browser, request.query_params.get("request"))

    @router.post("/consent", openapi_extra=PUBLIC)
    async def decide(request: Request) -> Response:
        form, browser = await read_form(request), Browser(authority, request)
        decided = await run_in_threadpool(_decided, authority, browser, form)
        return decided if decided is not None else await _shown(authority, browser, form.get("request"))

    return router


@dataclass(frozen=True)
class _Asked:
    """What a person is to decide; read beforehand, so that no transaction is open while records are asked."""

    pending: Pending
    user: User
    roles: tuple[str, ...]
    granted: Scopes
    patient: str | None
    chosen: bool
    """Whether it was this person who said which patient it is about."""


async def _shown(authority: Authority, browser: Browser, handle: str | None) -> Response:
    asked = await run_in_threadpool(_asked, authority, browser, handle)
    return asked if isinstance(asked, Response) else _form(browser, asked, await _patient_in_words(authority, asked))


def _asked(authority: Authority, browser: Browser, handle: str | None) -> _Asked | Response:
    with authority.units.unit() as session:
        found = _found(authority, session, browser, handle)
        if isinstance(found, Response):
            return found
        pending, browser_session = found
        user = session.get_one(User, browser_session.user_id)
        try:
            if must_choose_patient(authority, session, pending, user):
                return next_step(authority, session, pending, browser)
            granted = grantable(authority, session, pending, user)
            context = context_of(authority, session, pending, user).within(granted)
        except OAuthRefused as refused:
            return _to(answered_with_error(authority, session, pending, refused))
        roles = tuple(roles_of(session, user, now=authority.clock.now()))
        return _Asked(pending, user, roles, granted, context.patient, pending.chosen_by(user) is not None)


async def _patient_in_words(authority: Authority, asked: _Asked) -> str:
    """The name, so that nobody allows an app the wrong patient; where it cannot be had, no page fails for it."""
    if asked.patient is None:
        return ""
    if asked.patient == asked.user.patient:
        return "you"
    at = None if may_search(asked.roles) else asked.patient
    try:
        bearer = token_to_look(authority, asked.user, asked.roles, at=at)
        row = await authority.records.patient(asked.patient, bearer=bearer)
    except RecordsAway:
        row = None
    if row is None:
        return "the patient in question"
    return f"{row.name}, born {row.born}" if row.born else row.name


def _decided(authority: Authority, browser: Browser, form: Parameters) -> Response | None:
    """None when the form was about another patient than the request is by now: it has to be shown again."""
    if not browser.proves(form.get("csrf"), form.get("request") or ""):
        return forged()
    with authority.units.unit() as session:
        found = _found(authority, session, browser, form.get("request"))
        if isinstance(found, Response):
            return found
        pending, browser_session = found
        try:
            if must_choose_patient(authority, session, pending, session.get_one(User, browser_session.user_id)):
                return next_step(authority, session, pending, browser)
            return _answer(authority, session, pending, browser_session, form)
        except OAuthRefused as refused:
            return _to(answered_with_error(authority, session, pending, refused))


def _answer(
    authority: Authority, session: Session, pending: Pending, browser_session: BrowserSession, form: Parameters
) -> Response | None:
    user = session.get_one(User, browser_session.user_id)
    shown = grantable(authority, session, pending, user)
    patient = context_of(authority, session, pending, user).within(shown).patient
    if patient is not None and form.get("patient") not in (None, patient):
        return None
    granted = shown.intersect(Scopes.parse(" ".join(form.all("scope"))))
    if form.get("decision") != "allow" or not says_something(granted):
        record(authority, session, Happening("consent-denied", "refused", user.id, pending.client.id))
        raise OAuthRefused("access_denied", "the person declined")
    address = answered_with_code(authority, session, pending, browser_session, granted)
    give_consent(authority, session, user.id, pending.client, shown=shown, chosen=granted)
    return _to(address)


def _found(
    authority: Authority, session: Session, browser: Browser, handle: str | None
) -> tuple[Pending, BrowserSession] | Response:
    pending = pending_request(authority, session, handle, browser=browser.name)
    if pending is None:
        return too_late()
    browser_session = signed_in_for(authority, session, pending, browser)
    if browser_session is None or pending.own_page:
        return next_step(authority, session, pending, browser)
    return pending, browser_session


def _form(browser: Browser, asked: _Asked, patient: str) -> Response:
    return page(
        "consent.html",
        sends_on_to=asked.pending.row.redirect_uri,
        goes_to=goes_to(asked.pending),
        app=asked.pending.client.name,
        person=asked.user.name,
        request=asked.pending.handle,
        csrf=browser.proof(asked.pending.handle),
        patient=asked.patient,
        chosen=asked.chosen,
        groups=_groups(asked, patient),
    )


def _groups(asked: _Asked, patient: str) -> list[dict[str, Any]]:
    """What the app may do first, then what it gets to know of the person and the sign-in."""
    most, granted = ceiling(frozenset(asked.roles)), asked.granted
    words = Scopes.parse(" ".join(scope for scope in granted if scope in granted.words))
    return [
        {"title": f"In the record of {patient}", "choices": choices(granted.only(("patient",), words=False), most)},
        {"title": "In every record you may open", "choices": choices(granted.only(("user",), words=False), most)},
        {"title": "About you and this sign-in", "choices": choices(words, most)},
    ]


def _to(address: str) -> Response:
    return RedirectResponse(address, 303, headers=NO_STORE)
