"""`/patient`: a person says whom an app is about, out of those they may open."""

from dataclasses import dataclass, replace

from fastapi import APIRouter
from sqlmodel import Session, col, update
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bedside.auth.access_log import Happening, record
from bedside.auth.answers import NO_STORE
from bedside.auth.authority import Authority
from bedside.auth.authorizing import (
    Pending,
    answered_with_error,
    context_of,
    may_choose_patient,
    pending_request,
)
from bedside.auth.directory import roles_of
from bedside.auth.endpoints.access import PUBLIC
from bedside.auth.endpoints.next_step import next_step
from bedside.auth.endpoints.sign_in import forged, too_late
from bedside.auth.looking import token_to_look
from bedside.auth.pages import page
from bedside.auth.parameters import Parameters
from bedside.auth.protocol import read_form
from bedside.auth.records import TERM_MAX, Found, RecordsAway, Row
from bedside.auth.refusals import OAuthRefused
from bedside.auth.sign_in.browser import Browser
from bedside.auth.sign_in.completing import signed_in_for
from bedside.auth.tables import AuthRequest, User
from bedside.auth.whom import may_search, own_patients

OWN_ROWS_MAX = 10
_NOT_OPEN = "That record is not one you may open, or it is there no longer. Choose another."
_AWAY = "Patients cannot be looked up just now. Please try again in a moment."


@dataclass(frozen=True)
class _Chooser:
    """Who chooses, and for which request; what was read, so that no transaction is open while records are asked."""

    pending: Pending
    user: User
    roles: tuple[str, ...]
    own: tuple[str, ...]

    @property
    def searches(self) -> bool:
        return may_search(self.roles)


def routes(authority: Authority) -> APIRouter:
    router = APIRouter()

    @router.get("/patient", openapi_extra=PUBLIC)
    async def patient_page(request: Request) -> Response:
        browser = Browser(authority, request)
        chooser = await run_in_threadpool(_chooser, authority, browser, request.query_params.get("request"))
        if isinstance(chooser, Response):
            return chooser
        try:
            return _form(browser, chooser, await _own_rows(authority, chooser))
        except RecordsAway:
            return _form(browser, chooser, Found(()), problem=_AWAY, status=503)

    @router.post("/patient", openapi_extra=PUBLIC)
    async def choose(request: Request) -> Response:
        form, browser = await read_form(request), Browser(authority, request)
        if not browser.proves(form.get("csrf"), form.get("request") or ""):
            return forged()
        chooser = await run_in_threadpool(_chooser, authority, browser, form.get("request"), form.get("patient"))
        if isinstance(chooser, Response):
            return chooser
        try:
            return await _answered(authority, browser, chooser, form)
        except RecordsAway:
            term = (form.get("term") or "")[:TERM_MAX]
            return _form(browser, chooser, Found(()), term=term, problem=_AWAY, status=503)

    return router


def _chooser(
    authority: Authority, browser: Browser, handle: str | None, chosen: str | None = None
) -> _Chooser | Response:
    """Whoever may not choose (any more) goes on without, but never with another patient than the one `chosen`."""
    with authority.units.unit() as session:
        pending = pending_request(authority, session, handle, browser=browser.name)
        if pending is None:
            return too_late()
        browser_session = signed_in_for(authority, session, pending, browser)
        if browser_session is None or pending.own_page:
            return next_step(authority, session, pending, browser)
        user = session.get_one(User, browser_session.user_id)
        if not may_choose_patient(authority, session, pending, user):
            return _without_choice(authority, session, pending, browser, user, chosen)
        now = authority.clock.now()
        roles = tuple(roles_of(session, user, now=now))
        return _Chooser(pending, user, roles, own_patients(session, user, now=now))


def _without_choice(
    authority: Authority, session: Session, pending: Pending, browser: Browser, user: User, chosen: str | None
) -> Response:
    try:
        if chosen not in (None, context_of(authority, session, pending, user).patient):
            raise OAuthRefused("access_denied", "the patient is not one this person may choose")
    except OAuthRefused as refused:
        address = answered_with_error(authority, session, pending, refused)
        return RedirectResponse(address, 303, headers=NO_STORE)
    return next_step(authority, session, pending, browser)


async def _answered(authority: Authority, browser: Browser, chooser: _Chooser, form: Parameters) -> Response:
    chosen = form.get("patient")
    if chosen is not None:
        row = await _open_row(authority, chooser, chosen)
        return await run_in_threadpool(_chosen, authority, browser, chooser, row)
    term = (form.get("term") or "")[:TERM_MAX]
    if not chooser.searches or not term.strip():
        return _form(browser, chooser, await _own_rows(authority, chooser))
    bearer = token_to_look(authority, chooser.user, chooser.roles)
    return _form(browser, chooser, await authority.records.find(term, bearer=bearer), term=term)


async def _open_row(authority: Authority, chooser: _Chooser, patient: str) -> Row | None:
    """None for a patient beyond this person's."""
    if patient in chooser.own:
        bearer = token_to_look(authority, chooser.user, chooser.roles, at=patient)
    elif chooser.searches:
        bearer = token_to_look(authority, chooser.user, chooser.roles)
    else:
        return None
    return await authority.records.patient(patient, bearer=bearer)


async def _own_rows(authority: Authority, chooser: _Chooser) -> Found:
    rows = [await _open_row(authority, chooser, patient) for patient in chooser.own[:OWN_ROWS_MAX]]
    return Found(tuple(row for row in rows if row is not None), truncated=len(chooser.own) > OWN_ROWS_MAX)


def _chosen(authority: Authority, browser: Browser, chooser: _Chooser, row: Row | None) -> Response:
    with authority.units.unit() as session:
        pending = chooser.pending
        happening = Happening(
            "patient-chosen",
            user_id=chooser.user.id,
            client_id=pending.client.id,
            patient=row.id if row is not None else None,
        )
        if row is None:
            record(authority, session, replace(happening, outcome="refused"))
            return _form(browser, chooser, Found(()), problem=_NOT_OPEN, status=403)
        record(authority, session, happening)
        session.exec(
            update(AuthRequest)
            .where(col(AuthRequest.id) == pending.row.id, col(AuthRequest.answered_at).is_(None))
            .values(patient=row.id, patient_chosen_by=chooser.user.id)
        )
        again = pending_request(authority, session, pending.handle, browser=browser.name)
        return next_step(authority, session, again, browser) if again is not None else too_late()


def _form(
    browser: Browser, chooser: _Chooser, found: Found, *, term: str = "", problem: str | None = None, status: int = 200
) -> Response:
    return page(
        "patient.html",
        status=status,
        sends_on_to=chooser.pending.row.redirect_uri,
        app=chooser.pending.client.name,
        person=chooser.user.name,
        request=chooser.pending.handle,
        csrf=browser.proof(chooser.pending.handle),
        searches=chooser.searches,
        rows=[{"id": row.id, "name": row.name, "facts": facts(row)} for row in found.rows],
        truncated=found.truncated,
        term=term,
        problem=problem,
    )


def facts(row: Row) -> str:
    """What tells two patients of one name apart; unknown facts are said to be so."""
    return " · ".join(
        (
            f"born {row.born}" if row.born else "birth date unknown",
            row.gender or "gender unknown",
            f"no. {row.number}" if row.number else "no number",
        )
    )
