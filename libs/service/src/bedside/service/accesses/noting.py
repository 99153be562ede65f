"""Notes every request of an identified caller in the journal, before its answer leaves."""

import re
from dataclasses import replace
from itertools import islice
from typing import Any

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bedside.identity.guard import NOTED, Noted
from bedside.service.accesses.access import Asked, asked, line, parameter_names
from bedside.service.accesses.journal import Journal, JournalFull
from bedside.service.clock import Clock
from bedside.service.requests import Refusal

PATIENTS_MAX = 2_000
"""In one row. More have no page, but an export."""
_WRITES = frozenset({"POST", "PUT", "PATCH"})
# A reference, an address, or what a view calls a patient by. Beginning with plain letters makes them ten times as fast.
_PATIENTS = (
    re.compile(rb'Patient/(?<=[/"]Patient/)([A-Za-z0-9\-.]{1,64})["/]'),
    re.compile(rb'"patientId":\s?"([A-Za-z0-9\-.]{1,64})"'),
)
_CUT_OFF = 96
_TRANSACTION = re.compile(rb'"type"\s*:\s*"transaction"')
_FORM = b"application/x-www-form-urlencoded"
log = structlog.get_logger("bedside.service.accesses")


class Noting:
    """Pure ASGI, inside what gives requests their id, outside what admits callers.

    `through` names services that are edges themselves: what they ask for their callers they have noted.
    """

    def __init__(
        self, app: ASGIApp, *, journal: Journal, source: str, clock: Clock, through: frozenset[str] = frozenset()
    ) -> None:
        self.app = app
        self._journal = journal
        self._source = source
        self._clock = clock
        self._through = through

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        about = asked(scope["method"], scope["path"], scope["query_string"]) if scope["type"] == "http" else None
        if about is None:
            await self.app(scope, receive, send)
            return
        try:
            self._journal.check()
        except JournalFull:
            raise _not_now() from None
        noted = scope[NOTED] = Noted()
        seen = _Seen(about, _is_form(scope))
        receiving = seen.receiving(receive) if scope["method"] in _WRITES else receive
        await self.app(scope, receiving, _Answer(self, scope, seen, noted, send).send)

    def note(self, scope: Scope, seen: "_Seen", noted: Noted, status: int) -> None:
        """Raises Refusal when it cannot be noted."""
        caller = noted.caller
        if caller is None or self._through.intersection(caller.act[:1]):
            return
        told = line(
            seen.asked,
            caller,
            source=self._source,
            status=status,
            patients=seen.patients,
            now=self._clock.now(),
            request=str(scope.get("request_id", "")),
        )
        try:
            self._journal.note(told)
        except OSError as error:
            log.error("an access could not be noted", error=type(error).__name__)
            raise _not_now() from error


class _Seen:
    """Whose data went by. Bodies pass through in pieces; what lies across two of them is seen as well."""

    def __init__(self, about: Asked, is_form: bool) -> None:
        self.asked = about
        self.patients: set[str] = {about.patient} if about.patient else set()
        self._is_form = is_form
        self._form = b""
        self._end = b""

    def piece(self, body: bytes) -> None:
        if len(self.patients) < PATIENTS_MAX:
            text = self._end + body if self._end else body
            found = {each.decode() for pattern in _PATIENTS for each in pattern.findall(text)} - self.patients
            self.patients.update(islice(found, PATIENTS_MAX - len(self.patients)))
        self._end = body[-_CUT_OFF:]

    def receiving(self, receive: Receive) -> Receive:
        async def received() -> Message:
            message = await receive()
            body = message.get("body", b"")
            if self._is_form:
                self._form += body
                if not message.get("more_body"):
                    names = parameter_names(self._form)
                    self.asked = replace(self.asked, parameters=tuple(sorted({*self.asked.parameters, *names})))
            elif body and self.asked.writes:
                if self.asked.action == "batch" and _TRANSACTION.search(body):
                    self.asked = replace(self.asked, action="transaction")
                self.piece(body)
            if not message.get("more_body"):
                self._end = b""
            return message

        return received


class _Answer:
    """Holds the answer's beginning back until its end was seen, or its first piece of several."""

    def __init__(self, noting: Noting, scope: Scope, seen: _Seen, noted: Noted, send: Send) -> None:
        self._noting, self._scope, self._seen, self._noted, self._send = noting, scope, seen, noted, send
        self._start: dict[str, Any] | None = None
        self._status = 500

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = dict(message)
            self._status = message["status"]
            return
        if message["type"] == "http.response.body":
            body = message.get("body", b"")
            if body and self._status < 400:
                self._seen.piece(body)
            if not message.get("more_body"):
                self._noting.note(self._scope, self._seen, self._noted, self._status)
        if self._start is not None:
            start, self._start = self._start, None
            await self._send(start)
        await self._send(message)


def _is_form(scope: Scope) -> bool:
    return any(name == b"content-type" and value.startswith(_FORM) for name, value in scope["headers"])


def _not_now() -> Refusal:
    return Refusal(503, "transient", "Accesses cannot be noted at the moment, so that nothing is shown.")
