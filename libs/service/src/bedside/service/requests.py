"""Every request gets an id, a trace id, a log line, a measurement and, at worst, a plain 500."""

import re
import secrets
import time
from datetime import UTC, datetime
from typing import Any

import orjson
import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bedside.service.clock import requested_now
from bedside.service.frames import frames
from bedside.service.metrics import Measures

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_TRACEPARENT = re.compile(rb"00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_QUIET = {"/health/live", "/health/ready", "/metrics"}
log = structlog.get_logger("bedside.requests")


class Refusal(Exception):
    """A request that is refused before it reaches the service."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(text)
        self.status, self.code, self.text = status, code, text


class Requests:
    """Pure ASGI, outermost. The log knows routes (`/Patient/{id}`), never paths or queries: those name patients."""

    def __init__(self, app: ASGIApp, *, measures: Measures, body_max_bytes: int, test_mode: bool) -> None:
        self.app = app
        self._measures = measures
        self._body_max = body_max_bytes
        self._test_mode = test_mode

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        request_id = _known(_REQUEST_ID, headers.get(b"x-request-id")) or secrets.token_hex(8)
        trace = _TRACEPARENT.fullmatch(headers.get(b"traceparent", b""))
        trace_id = trace[1].decode() if trace else secrets.token_hex(16)
        scope["request_id"], scope["trace_id"] = request_id, trace_id
        structlog.contextvars.bind_contextvars(request_id=request_id, trace_id=trace_id)
        answer = _Answer(send, request_id)
        began = time.perf_counter()
        moved = None
        try:
            moved = self._moved_clock(headers)
            await self.app(scope, self._bounded(headers, receive), answer.send)
            await answer.release()
        except Refusal as refusal:
            await answer.refuse(scope, refusal.status, refusal.code, refusal.text)
        except Exception as error:
            # The message of an exception may quote what was sent; its type and frames do not.
            log.error("broken", error=type(error).__name__, frames=frames(error), route=_route(scope))
            await answer.refuse(scope, 500, "exception", "The server made a mistake. It was logged.")
        finally:
            if moved is not None:
                requested_now.reset(moved)
            self._told(scope, answer.status, time.perf_counter() - began)
            structlog.contextvars.unbind_contextvars("request_id", "trace_id")

    def _moved_clock(self, headers: dict[bytes, bytes]) -> Any:
        given = headers.get(b"x-test-now")
        if given is None:
            return None
        if not self._test_mode:
            raise Refusal(400, "invalid", "The header X-Test-Now is for test mode only.")
        try:
            instant = datetime.fromisoformat(given.decode())
        except ValueError:
            raise Refusal(400, "invalid", "The header X-Test-Now is not an instant.") from None
        if instant.tzinfo is None:
            raise Refusal(400, "invalid", "The header X-Test-Now has no time zone.")
        return requested_now.set(instant.astimezone(UTC))

    def _bounded(self, headers: dict[bytes, bytes], receive: Receive) -> Receive:
        too_large = Refusal(413, "too-long", f"The body is larger than {self._body_max // 2**20} MB.")
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > self._body_max:
            raise too_large
        if b"transfer-encoding" not in headers:
            return receive
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._body_max:
                raise too_large
            return message

        return counted

    def _told(self, scope: Scope, status: int, seconds: float) -> None:
        route = _route(scope)
        self._measures.request(method=scope["method"], route=route, status=status, seconds=seconds)
        if route not in _QUIET:
            log.info("request", method=scope["method"], route=route, status=status, ms=round(seconds * 1000, 1))


class _Answer:
    """What goes back, with the request's id on it."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id.encode()
        self._held: list[Message] = []
        self.status = 500
        self.begun = False
        self.ended = False

    async def send(self, message: Message) -> None:
        # A framework answers its own 500 and then raises what it caught. It is held back: that answer is ours to write.
        if self._held or (message["type"] == "http.response.start" and message["status"] == 500):
            self._held.append(message)
            return
        await self._pass_on(message)

    async def release(self) -> None:
        """Nothing was raised: the service meant what it said."""
        for message in self._held:
            await self._pass_on(message)
        self._held.clear()

    async def refuse(self, scope: Scope, status: int, code: str, text: str) -> None:
        if self.ended:
            return
        if self.begun:
            # Half an answer went out: only a broken connection tells the caller so.
            raise ConnectionResetError("the answer was cut short")
        self._held.clear()
        media, body = _refusal(scope["path"], status, code, text)
        headers = [(b"content-type", media), (b"content-length", str(len(body)).encode())]
        if status == 413:
            headers.append((b"connection", b"close"))
        await self._pass_on({"type": "http.response.start", "status": status, "headers": headers})
        await self._pass_on({"type": "http.response.body", "body": body})

    async def _pass_on(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), (b"x-request-id", self._request_id)]
        elif message["type"] == "http.response.body" and not message.get("more_body"):
            self.ended = True
        await self._send(message)


def _refusal(path: str, status: int, code: str, text: str) -> tuple[bytes, bytes]:
    """An OperationOutcome under `/fhir`, a problem (RFC 9457) elsewhere."""
    if path == "/fhir" or path.startswith("/fhir/"):
        issue = {"severity": "fatal" if status == 500 else "error", "code": code, "diagnostics": text}
        outcome = {"resourceType": "OperationOutcome", "issue": [issue]}
        return b"application/fhir+json; charset=utf-8", orjson.dumps(outcome)
    return b"application/problem+json", orjson.dumps({"type": "about:blank", "status": status, "title": text})


def _route(scope: Scope) -> str:
    """The route's template. A path that matched no route is not told: it could be anything."""
    parameters: dict[str, Any] = scope.get("path_params") or {}
    if not parameters:
        return str(scope["path"]) if "endpoint" in scope else "unmatched"
    template: str | None = getattr(scope.get("route"), "path", None)
    prefix: str = scope.get("root_path", "")
    return f"{prefix}{template}" if template else "unmatched"


def _known(pattern: re.Pattern[bytes], value: bytes | None) -> str | None:
    return value.decode() if value and pattern.fullmatch(value) else None
