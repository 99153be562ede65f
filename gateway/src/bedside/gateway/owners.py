"""The services behind the gateway: which one owns a type, and asking it on a caller's behalf."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import orjson

from bedside.gateway.federation.breaker import Breaker
from bedside.gateway.federation.wire import Answer, Body, Headers, Streamed, Unreachable, Wire
from bedside.gateway.ownership import AUTH, SERVICES, Ownership
from bedside.identity import Unreachable as AuthUnreachable

__all__ = ["Answer", "Owners", "Streamed", "TokenExchange", "Unreachable"]

TIMEOUT_S = 60.0
ALIVE_TIMEOUT_S = 2.0


class TokenExchange(Protocol):
    """The caller's token for one that the audience alone accepts, narrowed and carrying the gateway as actor."""

    async def exchange(self, bearer: str, audience: str) -> str: ...


class Owners:
    """`addresses` name each service's root, for example `http://127.0.0.1:8001`; its FHIR base is `/fhir` below it.

    The caller's own token never leaves the gateway: every request carries one exchanged for that owner. Where the
    exchange itself is refused, LoginRefused of `bedside.identity` is raised: the caller's token is no longer good.
    `own_token` gives the gateway's own token for an address.
    """

    def __init__(
        self,
        *,
        ownership: Ownership,
        addresses: Mapping[str, str],
        public_base: str,
        wire: Wire,
        exchange: TokenExchange,
        own_token: Callable[[str], Awaitable[str]],
    ) -> None:
        self.ownership = ownership
        self.public_base = public_base
        self._addresses = dict(addresses)
        self._wire = wire
        self._exchange = exchange
        self._own_token = own_token
        self._breakers = {service: Breaker() for service in (*SERVICES, AUTH)}

    def owner_of(self, type_name: str) -> str | None:
        return self.ownership.owner_of(type_name)

    def address(self, service: str) -> str:
        return self._addresses[service]

    @property
    def services(self) -> tuple[str, ...]:
        return tuple(self._addresses)

    def below_base(self, url: str) -> str:
        """A link on the public base as the path and query that `request` takes."""
        return url.removeprefix(self.public_base).lstrip("/")

    async def request(
        self,
        service: str,
        method: str,
        path_and_query: str,
        *,
        bearer: str | None,
        body: bytes = b"",
        headers: Iterable[tuple[str, str]] = (),
        timeout_s: float = TIMEOUT_S,
    ) -> Answer:
        """Asks below the owner's FHIR base: `Patient/p1`, `Observation?patient=p1`, `` for a bundle.

        `timeout_s` bounds the exchange and the whole answer. Unreachable when there is none in that time; a refusal
        is an Answer with its status. Without a bearer only what is public is answered.
        """
        raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        try:
            async with asyncio.timeout(timeout_s):
                opened = await self.open(service, method, path_and_query, raw, body, bearer, timeout_s)
                return opened if isinstance(opened, Answer) else await _whole(opened, service)
        except TimeoutError as problem:
            raise Unreachable(service, f"nothing within {timeout_s} s") from problem

    async def is_alive(self, service: str) -> bool:
        """Whether its process answers now; not whether it is well."""
        try:
            await self._wire.send("GET", f"{self._addresses[service]}/health/live", [], b"", ALIVE_TIMEOUT_S)
        except (OSError, TimeoutError):
            return False
        return True

    async def request_as_gateway(
        self,
        service: str,
        method: str,
        path_and_query: str,
        *,
        body: bytes = b"",
        headers: Iterable[tuple[str, str]] = (),
        timeout_s: float = TIMEOUT_S,
    ) -> Answer:
        """As `request`, in the gateway's own name: for what is its own duty and no caller's wish."""
        with _auth_may_be_silent():
            token = await self._own_token(self._addresses[service])
        raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        sent = [*raw, (b"authorization", b"Bearer " + token.encode("latin-1"))]
        opened = await self.open(service, method, path_and_query, sent, body, None, timeout_s)
        return opened if isinstance(opened, Answer) else await _whole(opened, service)

    async def open(
        self,
        service: str,
        method: str,
        path_and_query: str,
        headers: Headers,
        body: Body,
        bearer: str | None,
        timeout_s: float = TIMEOUT_S,
    ) -> Answer | Streamed:
        """As `request`, for what is only handed on: headers are bytes, a large answer is not collected."""
        slash = "" if not path_and_query or path_and_query.startswith("?") else "/"
        return await self._sent(service, method, f"/fhir{slash}{path_and_query}", headers, body, bearer, timeout_s)

    async def internally(
        self,
        service: str,
        question: str,
        asked: Any,
        *,
        bearer: str | None = None,
        headers: Iterable[tuple[str, str]] = (),
    ) -> Answer:
        """Asks what services ask each other, `/internal/<question>`: in the caller's name, or the gateway's own."""
        sent = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        sent.append((b"content-type", b"application/json"))
        if bearer is None:
            with _auth_may_be_silent():
                token = await self._own_token(self._addresses[service])
            sent.append((b"authorization", b"Bearer " + token.encode("latin-1")))
        path, body = f"/internal/{question}", orjson.dumps(asked)
        opened = await self._sent(service, "POST", path, sent, body, bearer, TIMEOUT_S)
        return opened if isinstance(opened, Answer) else await _whole(opened, service)

    async def _sent(
        self,
        service: str,
        method: str,
        target: str,
        headers: Headers,
        body: Body,
        bearer: str | None,
        timeout_s: float,
    ) -> Answer | Streamed:
        breaker = self._breakers[service]
        if not breaker.admits():
            raise Unreachable(service, "it has not answered lately", untouched=True)
        address = self._addresses[service]
        if bearer is not None:
            with _auth_may_be_silent():
                token = await self._exchange.exchange(bearer, address)
            headers = [*headers, (b"authorization", b"Bearer " + token.encode("latin-1"))]
        try:
            answer = await self._wire.send(method, f"{address}{target}", headers, body, timeout_s)
        except (OSError, TimeoutError) as problem:
            breaker.failed()
            untouched = isinstance(problem, ConnectionRefusedError)
            raise Unreachable(service, type(problem).__name__, untouched=untouched) from problem
        breaker.succeeded()
        return answer

    async def close(self) -> None:
        await self._wire.close()


async def _whole(streamed: Streamed, service: str) -> Answer:
    try:
        content = b"".join([chunk async for chunk in streamed.chunks])
    except OSError as problem:
        raise Unreachable(service, type(problem).__name__) from problem
    return Answer(streamed.status, streamed.headers, content)


@contextmanager
def _auth_may_be_silent() -> Iterator[None]:
    try:
        yield
    except AuthUnreachable as problem:
        raise Unreachable("auth", str(problem), untouched=True) from problem
