"""The pages of the workbench, and what every one of them needs: who is signed in, and headers that keep it theirs."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from bedside.clinical.moments import Moment
from bedside.gateway.viewing.breaking_glass import BREAKERS
from bedside.gateway.workbench import wording
from bedside.gateway.workbench.emergency import (
    REASONS,
    AtGateway,
    Typed,
    kept,
    kept_for,
    stepping_up,
    typed_in,
    wrong_fields,
)
from bedside.gateway.workbench.finding import TERM_MAX, Finding, NotFindable, find
from bedside.gateway.workbench.session import Cookies, Session
from bedside.gateway.workbench.signing_in import Authorization, SignInFailed, local_path
from bedside.identity.access import PUBLIC, SESSION, access
from bedside.service import Runtime

_HERE = Path(__file__).parent
_RENEW_BEFORE_S = 30
_REASON = "Opened in the workbench"
# The view a role's patient page is made of. A role without one yet is told so.
PATIENT_VIEWS = {"physician": "chart", "frontdesk": "card"}
Page = Callable[[Request, Session], Awaitable[Response]]


def workbench_routes(runtime: Runtime, inside: httpx.AsyncClient) -> list[BaseRoute]:
    """`inside` reaches the gateway's own public API without a network."""
    return _Workbench(runtime, inside).routes()


class _Files(StaticFiles):
    access = PUBLIC


class _Workbench:
    def __init__(self, runtime: Runtime, inside: httpx.AsyncClient) -> None:
        settings = runtime.settings
        home = settings.fhir_base.removesuffix("/fhir")
        self._runtime = runtime
        self._inside = inside
        self._emergencies = AtGateway(inside)
        self._home = home
        self._headers = _headers(settings.issuer)
        self._cookies = Cookies(
            settings.sealing_key("gateway", "workbench cookies"), secure=urlsplit(home).scheme == "https"
        )
        self._authorization = Authorization(
            issuer=settings.issuer,
            auth=settings.address("auth"),
            home=home,
            fhir_base=settings.fhir_base,
            verifier=runtime.verifier({settings.fhir_base}),
        )
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=jinja2.StrictUndefined,
        )
        self._templates.globals["administration"] = f"{settings.issuer}/admin"
        self._templates.filters |= wording.filters(settings.zone)

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/", access(PUBLIC)(self._signed_in(self._front)), methods=["GET"]),
            Route("/patients/{id}", access(SESSION)(self._signed_in(self._patient)), methods=["GET"]),
            Route("/patients/{id}/emergency", access(SESSION)(self._signed_in(self._why)), methods=["GET"]),
            Route("/patients/{id}/emergency", access(SESSION)(self._signed_in(self._break_glass)), methods=["POST"]),
            Route("/patients/{id}/emergency/end", access(SESSION)(self._signed_in(self._end_glass)), methods=["POST"]),
            Route("/sign-in", self._sign_in, methods=["GET"]),
            Route("/callback", self._callback, methods=["GET"]),
            Route("/sign-out", self._sign_out, methods=["POST"]),
            Mount("/static", _Files(directory=_HERE / "static")),
        ]

    def _signed_in(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        """Asks who is not signed in to do so, and renews what is about to end."""

        async def answered(request: Request) -> Response:
            session = self._cookies.session(request)
            if session is None and request.url.path == "/" and not request.url.query:
                return self._page("welcome.html", title="Welcome", session=None)
            renewed = None
            if session is not None and not session.lives_for(_RENEW_BEFORE_S):
                session = renewed = await self._authorization.renewed(session)
            if session is None:
                onward = _onward(request)
                return RedirectResponse(f"/sign-in?onward={quote(onward, safe='')}", 303, headers=self._headers)
            response = await page(request, session)
            if renewed is not None:
                self._cookies.keep_session(response, renewed)
            return response

        return answered

    async def _front(self, request: Request, session: Session) -> Response:
        term = request.query_params.get("q", "").strip()[:TERM_MAX]
        finding, problem = None, None
        if term:
            finding, problem = await self._found(term, session)
        return self._page(
            "front.html", title="Find a patient", session=session, term=term, finding=finding, problem=problem
        )

    async def _found(self, term: str, session: Session) -> tuple[Finding | None, str | None]:
        moment = Moment(self._runtime.clock.now(), self._runtime.settings.zone)
        try:
            return await find(term, inside=self._inside, bearer=session.access_token, moment=moment), None
        except NotFindable as problem:
            return None, str(problem)

    async def _patient(self, request: Request, session: Session) -> Response:
        role = next((role for role in PATIENT_VIEWS if role in session.roles), None)
        if role is None:
            return self._page(
                "message.html", 404, title="No page for your role yet", session=session,
                text="The views of your role are served as data under /v1; their pages are still to come.",
            )  # fmt: skip
        view = PATIENT_VIEWS[role]
        answer = await self._inside.get(
            f"/v1/{role}/patients/{quote(request.path_params['id'], safe='')}/{view}",
            headers={
                "Authorization": f"Bearer {session.access_token}",
                "Access-Reason": _REASON,
                "Cache-Control": "no-cache",
            },
        )
        if answer.status_code != 200:
            return self._refused(answer, session)
        shown = answer.json()
        stands = await self._emergencies.stands(session, role, request.path_params["id"])
        # The light refresh asks for the part that changes, and puts it in place.
        template = f"{view}_body.html" if request.query_params.get("part") == "body" else f"{view}.html"
        return self._page(
            template, title=shown["patient"]["sortName"] or "Patient", session=session, view=shown,
            id=request.path_params["id"], emergency=stands,
        )  # fmt: skip

    async def _why(self, request: Request, session: Session) -> Response:
        typed = kept_for(request.path_params["id"], self._cookies.emergency(request))
        return await self._why_page(request, session, typed or Typed(), confirmed=typed is not None)

    async def _break_glass(self, request: Request, session: Session) -> Response:
        patient, role = request.path_params["id"], _breaker(session)
        if not self._is_ours(request) or role is None:
            return self._not_done(session)
        typed = await typed_in(request)
        answer = await self._emergencies.begin(session, role, patient, typed)
        if wanted := stepping_up(answer):
            back = f"/patients/{quote(patient, safe='')}/emergency"
            response = await self._authorization.begin(self._cookies, back, **wanted.asked)
            self._cookies.keep_emergency(response, kept(patient, typed))
            return response
        if answer.status_code not in (200, 201):
            return await self._why_page(request, session, typed, problems=wrong_fields(answer))
        response = self._to_patient(patient)
        self._cookies.forget_emergency(response)
        return response

    async def _end_glass(self, request: Request, session: Session) -> Response:
        patient, role = request.path_params["id"], _breaker(session)
        if not self._is_ours(request) or role is None:
            return self._not_done(session)
        answer = await self._emergencies.end(session, role, patient)
        if answer.status_code != 200:
            text = "It could not be ended just now; by itself it ends after half an hour. Please try again."
            return self._page("message.html", 503, title="Emergency access is still open", session=session, text=text)
        return self._to_patient(patient)

    async def _why_page(
        self,
        request: Request,
        session: Session,
        typed: Typed,
        *,
        confirmed: bool = False,
        problems: Sequence[str] = (),
    ) -> Response:
        patient, role = request.path_params["id"], _breaker(session)
        if role is None:
            return self._not_done(session)
        answer = await self._emergencies.patient(session, role, patient)
        if answer.status_code != 200:
            return self._refused(answer, session)
        return self._page(
            "emergency.html", 422 if problems else 200, title="Emergency access", session=session, id=patient,
            view=answer.json(), typed=typed, reasons=REASONS, confirmed=confirmed, problems=problems,
        )  # fmt: skip

    def _to_patient(self, patient: str) -> Response:
        return RedirectResponse(f"/patients/{quote(patient, safe='')}", 303, headers=self._headers)

    def _not_done(self, session: Session | None) -> Response:
        text = "Another site asked for this, or your role has no emergency access."
        return self._page("message.html", 403, title="Not done", session=session, text=text)

    def _is_ours(self, request: Request) -> bool:
        """Whether a form of ours was posted: cookies are sent with nobody else's, and browsers name the site."""
        return request.headers.get("origin") in (None, self._home)

    def _refused(self, answer: httpx.Response, session: Session) -> Response:
        title, text = wording.refusal(answer.status_code)
        return self._page("message.html", answer.status_code, title=title, session=session, text=text)

    @access(PUBLIC)
    async def _sign_in(self, request: Request) -> Response:
        return await self._authorization.begin(self._cookies, local_path(request.query_params.get("onward")))

    @access(PUBLIC)
    async def _callback(self, request: Request) -> Response:
        try:
            session, id_token, onward = await self._authorization.finish(request, self._cookies)
        except SignInFailed as problem:
            return self._page("message.html", 400, title="Not signed in", session=None, text=str(problem))
        response = RedirectResponse(onward, 303, headers=self._headers)
        self._cookies.forget(response)
        self._cookies.keep_session(response, session)
        self._cookies.keep_id_token(response, id_token)
        return response

    @access(PUBLIC)
    async def _sign_out(self, request: Request) -> Response:
        if not self._is_ours(request):
            return self._page("message.html", 403, title="Not done", session=None, text="Another site asked for this.")
        response = RedirectResponse(
            self._authorization.ended_at(self._cookies.id_token(request)), 303, headers=self._headers
        )
        self._cookies.forget(response)
        return response

    def _page(self, template: str, status: int = 200, **shown: Any) -> Response:
        return HTMLResponse(self._templates.get_template(template).render(**shown), status, headers=self._headers)


def _breaker(session: Session) -> str | None:
    """The role in which this person may break the glass, of those that have a page of a patient."""
    return next((role for role in PATIENT_VIEWS if role in session.roles and role in BREAKERS), None)


def _onward(request: Request) -> str:
    """Where to go on after signing in. What was posted is not posted again: the patient's page, then."""
    if request.method == "POST":
        return f"/patients/{quote(request.path_params['id'], safe='')}"
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _headers(issuer: str) -> dict[str, str]:
    # Browsers hold a form's redirects against form-action too: signing out leads on to auth.
    return {
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
        f"img-src 'self'; form-action 'self' {issuer}; base-uri 'none'; frame-ancestors 'none'",
        # With no-referrer a form's own Origin would be "null", and signing out could not tell who asks.
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }
