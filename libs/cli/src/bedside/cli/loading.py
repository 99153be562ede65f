"""Sends bundles to a FHIR base: several at once, each until it is taken or refused."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import httpx
import orjson

IN_FLIGHT = 4
_ATTEMPTS_MAX = 6
_BACK_OFF_S = 0.5
_TIMEOUT = httpx.Timeout(300, connect=5)
_PASSING = {401, 408, 425, 429, 502, 503, 504}

TokenProvider = Callable[[bool], Awaitable[str]]
"""Gives a bearer token; with True a new one, because the last one was refused."""


@dataclass(frozen=True)
class Parcel:
    """One request. `name` says where it came from, for people; `resources` how many it holds.

    `entries` are those of a batch, as JSON, each of which can be sent again by itself.
    """

    name: str
    body: bytes
    resources: int
    entries: tuple[bytes, ...] = ()

    @cached_property
    def key(self) -> str:
        """By which it is known again. A file that was changed since is another one."""
        return f"{self.name} {hashlib.blake2b(self.body, digest_size=8).hexdigest()}"


@dataclass(frozen=True)
class Leftover:
    """An entry that was refused, and may be taken once what it refers to is there. `parcel` is the key of its own."""

    parcel: str
    entry: bytes
    refusals: tuple[str, ...]


@dataclass
class Outcome:
    """What became of the parcels; `refusals` are sentences for people. What is `left` is not yet counted as refused."""

    taken: int = 0
    refused: int = 0
    refusals: list[str] = field(default_factory=list)
    left: list[Leftover] = field(default_factory=list)

    def __iadd__(self, other: "Outcome") -> "Outcome":
        self.taken += other.taken
        self.refused += other.refused
        self.refusals += other.refusals
        self.left += other.left
        return self

    def give_up(self, left: Iterable[Leftover]) -> None:
        """Counts them as refused after all."""
        for each in left:
            self.refused += 1
            self.refusals += each.refusals


class Unanswered(Exception):
    """The server did not take the parcel, and did not say why, however often it was asked."""


async def send(
    parcels: Iterable[Parcel],
    *,
    base: str,
    token: TokenProvider,
    told: Callable[[Parcel, Outcome], None],
    in_flight: int = IN_FLIGHT,
) -> Outcome:
    """Calls `told` after each parcel, with what became of it. Raises Unanswered when the server is gone."""
    total = Outcome()
    waiting = iter(parcels)
    headers = {"Content-Type": "application/fhir+json", "Accept": "application/fhir+json", "Prefer": "return=minimal"}
    async with httpx.AsyncClient(timeout=_TIMEOUT, headers=headers) as http:

        async def work() -> None:
            nonlocal total
            # The parcels are taken from the iterator one by one: no more of them are in memory than are under way.
            for parcel in waiting:
                outcome = await _sent(http, base, token, parcel)
                total += outcome
                told(parcel, outcome)

        async with asyncio.TaskGroup() as workers:
            for _ in range(in_flight):
                workers.create_task(work())
    return total


async def _sent(http: httpx.AsyncClient, base: str, token: TokenProvider, parcel: Parcel) -> Outcome:
    refused_token = False
    reason = "no answer"
    for attempt in range(_ATTEMPTS_MAX):
        if attempt:
            await asyncio.sleep(_BACK_OFF_S * 2 ** (attempt - 1))
        try:
            bearer = await token(refused_token)
            answer = await http.post(base, content=parcel.body, headers={"Authorization": f"Bearer {bearer}"})
        except httpx.TransportError as error:
            reason = type(error).__name__
            continue
        if answer.status_code not in _PASSING:
            return _outcome(parcel, answer)
        refused_token = answer.status_code == 401
        reason = f"status {answer.status_code}"
    raise Unanswered(f"{base} did not take {parcel.name}: {reason}")


def _outcome(parcel: Parcel, answer: httpx.Response) -> Outcome:
    try:
        body: Any = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        body = {}
    if answer.status_code >= 400:
        return Outcome(refused=parcel.resources, refusals=_sentences(parcel.name, answer.status_code, body))
    outcome = Outcome()
    for number, entry in enumerate(body.get("entry", ())):
        status = entry.get("response", {}).get("status", "200")[:3]
        if status < "400":
            continue
        sentences = _sentences(f"{parcel.name} entry {number}", status, entry["response"].get("outcome", {}))
        refused = Leftover(parcel.key, parcel.entries[number] if parcel.entries else b"", tuple(sentences))
        if parcel.entries:
            outcome.left.append(refused)
        else:
            outcome.give_up([refused])
    outcome.taken = parcel.resources - outcome.refused - len(outcome.left)
    return outcome


def _sentences(name: str, status: object, outcome: Any) -> list[str]:
    issues: Sequence[Any] = outcome.get("issue", ()) if isinstance(outcome, dict) else ()
    told = []
    for issue in issues:
        at = ", ".join(issue.get("expression", ()))
        text = issue.get("diagnostics") or issue.get("details", {}).get("text") or issue.get("code", "")
        told.append(f"{name}: {at + ': ' if at else ''}{text}")
    return told or [f"{name}: refused with status {status}, without a reason"]
