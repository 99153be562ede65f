"""Commits the parts of one transaction at their owners.

The seam for the atomic protocol (prepare, decide, commit): a coordinator is given the parts and answers for all of
them. `OneAfterTheOther` is today's, and what it cannot promise is said there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog

from bedside.fhir import exact_json
from bedside.gateway.federation.entries import Entry
from bedside.gateway.federation.references import Identities, Links, rewritten
from bedside.gateway.owners import Answer, Owners, Unreachable
from bedside.identity import LoginRefused

log = structlog.get_logger("bedside.gateway.transactions")
Headers = Sequence[tuple[str, str]]
_FHIR_JSON = "application/fhir+json"
FATE_TIMEOUT_S = 5.0


@dataclass(slots=True)
class Part:
    """What one owner is to do: its entries in request order, already addressed to it."""

    owner: str
    entries: list[Entry] = field(default_factory=list)
    found: list[Links] = field(default_factory=list)
    assigned: dict[int, str] = field(default_factory=dict)
    """By entry index the `Type/id` that the gateway gave a new resource."""

    def body(self, identities: Identities) -> bytes:
        for each in self.found:
            rewritten(each, identities)
        sources = [self._addressed(entry) for entry in self.entries]
        return exact_json.emit({"resourceType": "Bundle", "type": "transaction", "entry": sources})

    def _addressed(self, entry: Entry) -> dict[str, Any]:
        target = self.assigned.get(entry.index)
        if target is None:
            return {**entry.source, "request": {**entry.request, "url": entry.url}}
        # A new resource is written under the id its referrers already carry, and only if nothing is there.
        request = {**entry.request, "method": "PUT", "url": target, "ifNoneMatch": "*"}
        resource = {**(entry.resource or {}), "id": target.partition("/")[2]}
        return {**entry.source, "resource": resource, "request": request}


class PartRefused(Exception):
    """One owner refused its part; nothing of the transaction is left, except as `remains` says."""

    def __init__(self, part: Part, answer: Answer, remains: list[int]) -> None:
        super().__init__(f"{part.owner} refused with status {answer.status}")
        self.part = part
        self.answer = answer
        self.remains = remains


class PartUnanswered(Exception):
    """One owner did not answer; `remains` are the indexes of entries that were, or may have been, carried out."""

    def __init__(self, problem: Unreachable, remains: list[int]) -> None:
        super().__init__(str(problem))
        self.problem = problem
        self.remains = remains


class Coordinator(Protocol):
    async def commit(
        self, parts: Sequence[Part], identities: Identities, *, bearer: str, headers: Headers
    ) -> dict[int, dict[str, Any]]:
        """Every part or none; by entry index the response entry. PartRefused, PartUnanswered."""
        ...


class OneAfterTheOther:
    """Each owner commits its part atomically, in the order given; not yet atomic across owners.

    When a later part is refused, what the earlier ones *created* is deleted again. Updates and deletions of an earlier
    part stay, and the caller is told which. If the gateway dies between two parts, the first stays; so does it when an
    owner's answer is lost and it cannot be found out that nothing was done.
    """

    def __init__(self, owners: Owners) -> None:
        self._owners = owners

    async def commit(
        self, parts: Sequence[Part], identities: Identities, *, bearer: str, headers: Headers
    ) -> dict[int, dict[str, Any]]:
        for part in parts[1:]:
            if not await self._owners.is_alive(part.owner):
                raise PartUnanswered(Unreachable(part.owner, "it is not there", untouched=True), [])
        done: dict[int, dict[str, Any]] = {}
        for part in parts:
            try:
                answer = await self._committed(part, identities, bearer, headers)
            except Unreachable as problem:
                if problem.untouched or await self._left_nothing(part):
                    raise PartUnanswered(problem, await self._undone(parts, done)) from problem
                raise PartUnanswered(problem, sorted({*done, *(entry.index for entry in part.entries)})) from problem
            if not answer.ok:
                raise PartRefused(part, answer, await self._undone(parts, done))
            done |= _by_index(part, answer, identities)
        return done

    async def _committed(self, part: Part, identities: Identities, bearer: str, headers: Headers) -> Answer:
        return await self._owners.request(
            part.owner,
            "POST",
            "",
            bearer=bearer,
            body=part.body(identities),
            headers=[*headers, ("content-type", _FHIR_JSON), ("accept", _FHIR_JSON)],
        )

    async def _left_nothing(self, part: Part) -> bool:
        """Whether a part whose answer was lost was surely not carried out; parts are atomic, so one id tells."""
        target = next(iter(part.assigned.values()), None)
        if target is None:
            return False
        try:
            answer = await self._owners.request_as_gateway(part.owner, "GET", target, timeout_s=FATE_TIMEOUT_S)
        except (Unreachable, LoginRefused):
            return False
        return answer.status == 404

    async def _undone(self, parts: Sequence[Part], done: dict[int, dict[str, Any]]) -> list[int]:
        """The indexes of entries whose effect stays."""
        remains: list[int] = []
        for part in reversed(parts):
            changed = [entry for entry in part.entries if entry.index in done and _changed(entry, done[entry.index])]
            created = [entry for entry in changed if _created(done[entry.index])]
            remains += [entry.index for entry in changed if entry not in created]
            if created and not await self._deleted(part.owner, [_target(done[entry.index]) for entry in created]):
                remains += [entry.index for entry in created]
        if remains:
            log.error("transaction not wholly undone", entries=len(remains))
        return sorted(remains)

    async def _deleted(self, owner: str, targets: list[str]) -> bool:
        entries = [{"request": {"method": "DELETE", "url": target}} for target in targets]
        body = exact_json.emit({"resourceType": "Bundle", "type": "transaction", "entry": entries})
        try:
            # Undoing is the gateway's duty, whatever the caller may delete.
            answer = await self._owners.request_as_gateway(
                owner, "POST", "", body=body, headers=[("content-type", _FHIR_JSON)]
            )
        except (Unreachable, LoginRefused):
            return False
        return answer.ok


def _by_index(part: Part, answer: Answer, identities: Identities) -> dict[int, dict[str, Any]]:
    told = exact_json.parse(answer.body).get("entry", [])
    assert len(told) == len(part.entries), f"{part.owner} answered another number of entries than it was given"
    for entry, said in zip(part.entries, told, strict=True):
        if entry.index not in part.assigned and entry.method in ("POST", "PUT") and "location" in said["response"]:
            identities.name(entry.full_url, _target(said))
    return {entry.index: said for entry, said in zip(part.entries, told, strict=True)}


def _target(said: dict[str, Any]) -> str:
    """`Patient/p1` of a response entry's location."""
    path = str(said["response"]["location"]).partition("/_history/")[0]
    return "/".join(path.rsplit("/", 2)[-2:])


def _created(said: dict[str, Any]) -> bool:
    return str(said["response"]["status"]).startswith("201")


def _changed(entry: Entry, said: dict[str, Any]) -> bool:
    if entry.method in ("GET", "HEAD"):
        return False
    # A conditional create that found its match answers 200 and has changed nothing.
    return entry.method != "POST" or _created(said)
