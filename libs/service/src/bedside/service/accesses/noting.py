"""Notes every request of an identified caller in the journal, before its answer leaves."""

import re
from contextlib import suppress
from dataclasses import replace

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bedside.identity.guard import NOTED, Noted
from bedside.service.accesses.access import Asked, Ended, asked, line, parameter_names
from bedside.service.accesses.journal import Journal, JournalFull
from bedside.service.accesses.strangers import Strangers
from bedside.service.clock import Clock
from bedside.service.requests import Refusal

PATIENTS_IN_A_LINE = 500
HELD_BYTES_MAX = 256 * 1024
"""Of a long answer's pieces, until the patients in them are noted."""
_PATIENTS_KNOWN_MAX = 10_000
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
        self._strangers = Strangers()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        about = asked(scope["method"], scope["path"], scope["query_string"]) if scope["type"] == "http" else None
        if about is None:
            await self.app(scope, receive, send)
            return
        try:
            self._journal.check()
        except (JournalFull, OSError):
            raise _not_now() from None
        noted = scope[NOTED] = Noted()
        seen = _Seen(about, _is_form(scope))
        receiving = seen.receiving(receive) if scope["method"] in _WRITES else receive
        answer = _Answer(self, scope, seen, noted, send)
        try:
            await self.app(scope, receiving, answer.send)
        except BaseException as problem:
            # Whatever it was that went wrong, or who went away: somebody asked, and something may have been written.
            answer.broke(problem.status if isinstance(problem, Refusal) else 500)
            raise

    def note(self, scope: Scope, seen: "_Seen", noted: Noted, status: int, part: int) -> int:
        """How many lines it took. Raises Refusal when it cannot be noted."""
        caller = noted.caller
        if caller is not None and self._through.intersection(caller.act[:1]):
            return 0
        if caller is None and (noted.refused is None or not self._strangers.may_be_told()):
            return 0
        untold = 0 if caller else self._strangers.untold()
        trace = str(scope.get("trace_id", ""))
        new = seen.not_yet_told()
        for begin in range(0, max(len(new), 1), PATIENTS_IN_A_LINE):
            ended = Ended(status, trace, part, noted.refused, untold)
            patients = new[begin : begin + PATIENTS_IN_A_LINE]
            self._keep(line(seen.asked, caller, ended, source=self._source, patients=patients, now=self._clock.now()))
            part += 1
        return max(-(-len(new) // PATIENTS_IN_A_LINE), 1)

    def _keep(self, told: bytes) -> None:
        try:
            self._journal.note(told)
        except OSError as error:
            log.error("an access could not be noted", error=type(error).__name__)
            raise _not_now() from error


class _Seen:
    """Whose data went by. Bodies pass through in pieces; what lies across two of them is seen as well."""

    def __init__(self, about: Asked, is_form: bool) -> None:
        self.asked = about
        self._new: set[str] = {about.patient} if about.patient else set()
        self._told: set[str] = set()
        self._is_form = is_form
        self._form = b""
        self._end = b""

    @property
    def anybody_new(self) -> bool:
        return bool(self._new)

    def not_yet_told(self) -> list[str]:
        """Sorted; from now on they are told. Of very many some may be told twice."""
        new, self._new = sorted(self._new), set()
        if len(self._told) > _PATIENTS_KNOWN_MAX:
            self._told.clear()
        self._told.update(new)
        return new

    def piece(self, body: bytes) -> None:
        text = self._end + body if self._end else body
        for pattern in _PATIENTS:
            self._new.update({each.decode() for each in pattern.findall(text)} - self._told)
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
    """Holds an answer back until what is in it is noted: whole ones to their end, long ones piece by piece."""

    def __init__(self, noting: Noting, scope: Scope, seen: _Seen, noted: Noted, send: Send) -> None:
        self._noting, self._scope, self._seen, self._noted, self._send = noting, scope, seen, noted, send
        self._held: list[Message] = []
        self._held_bytes = 0
        self._status = 500
        self._lines = 0
        self._ended = False

    async def send(self, message: Message) -> None:
        self._held.append(message)
        if message["type"] == "http.response.start":
            self._status = message["status"]
            return
        body = message.get("body", b"")
        if body and self._status < 400:
            self._seen.piece(body)
        self._held_bytes += len(body)
        self._ended = not message.get("more_body")
        if self._ended or self._held_bytes > HELD_BYTES_MAX:
            if self._lines == 0 or self._seen.anybody_new:
                self._note(self._status)
            await self._let_go()

    def broke(self, status: int) -> None:
        """What was held does not leave any more."""
        if self._lines == 0 and not self._ended:
            with suppress(Refusal):
                self._note(status)

    def _note(self, status: int) -> None:
        self._lines += self._noting.note(self._scope, self._seen, self._noted, status, self._lines + 1)

    async def _let_go(self) -> None:
        held, self._held, self._held_bytes = self._held, [], 0
        for message in held:
            await self._send(message)


def _is_form(scope: Scope) -> bool:
    return any(name == b"content-type" and value.startswith(_FORM) for name, value in scope["headers"])


def _not_now() -> Refusal:
    return Refusal(503, "transient", "Accesses cannot be noted at the moment, so that nothing is shown.")
