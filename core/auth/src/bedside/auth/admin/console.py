"""The frame of the console: who may open a page, whose forms are believed, and how it answers."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bedside.auth.access_log import Happening, record
from bedside.auth.admin.notes import PARAMETER, Note, leave_note, take_note
from bedside.auth.admin.sections import WORDS, sections_of
from bedside.auth.admin.visitor import FRESH, Visitor, form_of, is_fresh, visitor_of
from bedside.auth.admin.wording import Wording
from bedside.auth.answers import NO_STORE
from bedside.auth.authority import Authority
from bedside.auth.directory import DirectoryRefused
from bedside.auth.endpoints.access import session_with
from bedside.auth.pages import message, page
from bedside.auth.parameters import Parameters
from bedside.auth.protocol import read_form
from bedside.auth.refusals import OAuthRefused
from bedside.auth.sign_in.browser import Browser
from bedside.auth.sign_in.own_pages import ask_for_own_page, own_path

FRONT = "/admin"
_NOTHING = Parameters()
_NOT_DONE = "again"
_SEND_AGAIN = Note(
    "You had to show who you are first, so nothing was done yet: do it now if you want it.", problem=True
)


@dataclass
class Visit:
    """One request by somebody who may. `query` and `form` are as they were sent: read them through `typed`."""

    authority: Authority
    session: Session
    visitor: Visitor
    path: str
    named: dict[str, str]
    """The parts of the path that name something."""
    query: Parameters = _NOTHING
    form: Parameters = _NOTHING
    note: Note | None = None

    def shown(self, template: str, *, status: int = 200, note: Note | None = None, **values: Any) -> Response:
        """A page of the console, from `templates/admin/`."""
        wording = Wording(self.authority.clock.now(), self.authority.installation.zone)
        return page(
            f"admin/{template}",
            status=status,
            sections=sections_of(self.visitor.words),
            path=self.path,
            me=self.visitor.user,
            words=self.visitor.words,
            csrf=self.visitor.csrf,
            sign_out_proof=self.visitor.sign_out_proof,
            note=note or self.note,
            workbench=self.authority.installation.addresses["gateway"],
            wording=wording,
            **values,
        )

    def done(self, path: str, note: Note | str) -> Response:
        """To the page that says so; loading that one again repeats nothing."""
        note = Note(note) if isinstance(note, str) else note
        handle = leave_note(self.authority, self.session, self.visitor.browser_session, note)
        return RedirectResponse(f"{path}?{urlencode({PARAMETER: handle})}", 303, headers=NO_STORE)

    def nothing_there(self) -> Response:
        text = "It was removed, or the address is not complete."
        return self.shown("message.html", status=404, title="There is nothing here", text=text)

    def record(self, action: str, *, entity: str | None = None, **detail: str) -> None:
        """In the access log, as done by the visitor."""
        happening = Happening(action, user_id=self.visitor.user.id, entity=entity, detail=detail)
        record(self.authority, self.session, happening)


Handler = Callable[[Visit], Response]
Refused = Callable[[Visit, str], Response]
"""What is shown when an act was refused, with the sentence that says why."""


class Refusal(Exception):
    """An act that a rule forbids: nothing of it is kept. `reason` is a code, `sentence` for the administrator."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(f"{reason}: {sentence}")
        self.reason = reason
        self.sentence = sentence


@dataclass(frozen=True)
class _Route:
    path: str
    may: str | None
    """None: whoever may open any section."""
    fresh: bool
    handler: Handler
    refused: Refused | None = None


class Console:
    """Pages and acts are declared with the word that opens them; an act is a form that was posted."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self._pages: list[str] = []
        self.router = APIRouter()

    def page(self, path: str, *, may: str | None, fresh: bool = False) -> Callable[[Handler], Handler]:
        """`fresh` asks visitors to show who they are when they did not of late."""

        def declared(handler: Handler) -> Handler:
            route = _Route(path, may, fresh, handler)
            self._pages.append(path)
            self._add(path, "GET", may, lambda request: run_in_threadpool(self._page_shown, request, route))
            return handler

        return declared

    def act(
        self, path: str, *, may: str, fresh: bool = False, refused: Refused | None = None
    ) -> Callable[[Handler], Handler]:
        """`refused` shows a form again with what was typed; without it the page above says why."""

        def declared(handler: Handler) -> Handler:
            route = _Route(path, may, fresh, handler, refused)

            async def acted(request: Request) -> Response:
                try:
                    form = await read_form(request)
                except OAuthRefused as refused:
                    return _unreadable(refused)
                return await run_in_threadpool(self._acted, request, route, form)

            self._add(path, "POST", may, acted)
            return handler

        return declared

    def _add(self, path: str, method: str, may: str | None, endpoint: Callable[[Request], Awaitable[Response]]) -> None:
        async def answer(request: Request) -> Response:
            return await endpoint(request)

        access = session_with(may or " or ".join(sorted(WORDS)))
        self.router.add_api_route(path, answer, methods=[method], openapi_extra=access, response_model=None)

    def _page_shown(self, request: Request, route: _Route) -> Response:
        browser = Browser(self._authority, request)
        try:
            query = Parameters.parse(request.scope["query_string"])
        except OAuthRefused as refused:
            return _unreadable(refused)
        with self._authority.units.unit() as session:
            admitted = self._admitted(session, browser, request, route)
            if isinstance(admitted, Response):
                return browser.remember(admitted)
            handle = query.get(PARAMETER)
            note = take_note(self._authority, session, admitted.browser_session, handle) if handle else None
            if note is None and query.get(_NOT_DONE):
                note = _SEND_AGAIN
        # Long lists are read beside whoever writes.
        with self._authority.units.reading() as session:
            named = {name: str(value) for name, value in request.path_params.items()}
            visit = Visit(self._authority, session, admitted, request.url.path, named, query, note=note)
            return browser.remember(route.handler(visit))

    def _acted(self, request: Request, route: _Route, form: Parameters) -> Response:
        browser = Browser(self._authority, request)
        try:
            return self._within(request, route, form, browser, route.handler)
        except Refusal as refusal:
            # The unit was rolled back; that it was refused is told in another.
            return self._within(request, route, form, browser, partial(_told_refusal, self, route, refusal))

    def _within(
        self, request: Request, route: _Route, form: Parameters, browser: Browser, handler: Handler
    ) -> Response:
        with self._authority.units.unit() as session:
            admitted = self._admitted(session, browser, request, route)
            if isinstance(admitted, Response):
                return browser.remember(admitted)
            named = {name: str(value) for name, value in request.path_params.items()}
            visit = Visit(self._authority, session, admitted, request.url.path, named, form=form)
            if not browser.proves(form.get("csrf"), form_of(admitted.browser_session)):
                return _forged(visit, route)
            with _rules_speak():
                return handler(visit)

    def _admitted(self, session: Session, browser: Browser, request: Request, route: _Route) -> Visitor | Response:
        visitor = visitor_of(self._authority, session, browser)
        if visitor is None:
            return self._asked_to_sign_in(session, browser, request)
        if not visitor.words & ({route.may} if route.may else WORDS):
            return _not_for(Visit(self._authority, session, visitor, request.url.path, {}), route)
        if route.fresh and not is_fresh(self._authority, visitor, sending=request.method == "POST"):
            return self._asked_to_sign_in(session, browser, request, again=True)
        return visitor

    def _asked_to_sign_in(
        self, session: Session, browser: Browser, request: Request, *, again: bool = False
    ) -> Response:
        """Afterwards they see the page they asked for, or the one their form was on: nothing is posted twice."""
        if request.method == "GET":
            onward = own_path(request.url.path + (f"?{request.url.query}" if request.url.query else ""))
        else:
            onward = own_path(f"{self.page_above(request.url.path)}?{_NOT_DONE}=1")
        after = self._authority.clock.now() - FRESH if again else None
        pending = ask_for_own_page(
            self._authority, session, onward or FRONT, browser=browser.name, signed_in_after=after
        )
        return RedirectResponse(f"/sign-in?{urlencode({'request': pending.handle})}", 303, headers=NO_STORE)

    def page_above(self, path: str) -> str:
        """The nearest page at or above a form's address."""
        while path != FRONT and not any(_fits(path, template) for template in self._pages):
            path = path.rpartition("/")[0]
        return path


def _fits(path: str, template: str) -> bool:
    parts, pattern = path.split("/"), template.split("/")
    return len(parts) == len(pattern) and all(
        part == wanted or wanted.startswith("{") for part, wanted in zip(parts, pattern, strict=True)
    )


@contextmanager
def _rules_speak() -> Iterator[None]:
    """What the rooms behind the console refuse, as one kind of refusal: their units are given up, not committed."""
    try:
        yield
    except OAuthRefused as refused:
        raise Refusal(refused.error, _sentence(refused.description)) from refused
    except DirectoryRefused as refused:
        raise Refusal(refused.reason, refused.sentence) from refused


def _told_refusal(console: Console, route: _Route, refusal: Refusal, visit: Visit) -> Response:
    _record_refusal(visit, route, {"reason": refusal.reason} | visit.named)
    if route.refused is not None:
        return route.refused(visit, refusal.sentence)
    return visit.done(console.page_above(visit.path), Note(refusal.sentence, problem=True))


def _sentence(description: str) -> str:
    return f"{description[:1].upper()}{description[1:]}."


def _not_for(visit: Visit, route: _Route) -> Response:
    _record_refusal(visit, route, {"reason": "role", "wanted": route.may or "any"})
    text = "Your role does not open it. If you need it, ask whoever administers users."
    return visit.shown("message.html", status=403, title="This page is not for you", text=text)


def _forged(visit: Visit, route: _Route) -> Response:
    _record_refusal(visit, route, {"reason": "form"})
    text = "It did not come from a page that this browser was shown, or you signed in anew since. Nothing was done."
    return visit.shown("message.html", status=403, title="This form cannot be accepted", text=text)


def _record_refusal(visit: Visit, route: _Route, detail: dict[str, str]) -> None:
    user_id, entity = visit.visitor.user.id, f"Page{route.path}"
    record(
        visit.authority, visit.session, Happening("console-refused", "refused", user_id, entity=entity, detail=detail)
    )


def _unreadable(refused: OAuthRefused) -> Response:
    title = "This could not be read"
    return message(title, "Go back, and try again. Nothing was done.", status=refused.status)
