"""A transaction whose entries belong to several owners, as one."""

import asyncio
import uuid
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import orjson
from starlette.responses import Response

from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.validation import validate
from bedside.gateway.federation.alone import Alone, joined_criteria, needs_gateway
from bedside.gateway.federation.coordination import Coordinator, Headers, Part, PartRefused, PartUnanswered
from bedside.gateway.federation.deletions import Deletions
from bedside.gateway.federation.door import forbidden, permitted
from bedside.gateway.federation.entries import Entry, answered, examined, repeated
from bedside.gateway.federation.references import (
    Identities,
    conditionals,
    dangling,
    links,
    place,
    replace,
)
from bedside.gateway.federation.refusals import FHIR_JSON, outcome, refusal
from bedside.gateway.federation.remapping import remapped
from bedside.gateway.federation.searching import Searches
from bedside.gateway.federation.semi_joins import Asking
from bedside.gateway.owners import Owners
from bedside.gateway.ownership import SERVICES
from bedside.identity import Caller

_READING = ("GET", "HEAD")
# So many searches travel in one batch to an owner.
SEARCHES_PER_BATCH = 100


class Transactions:
    """`new_id` makes the ids of created resources."""

    def __init__(
        self,
        owners: Owners,
        coordinator: Coordinator,
        deletions: Deletions,
        searches: Searches,
        alone: Alone,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        self._owners = owners
        self._coordinator = coordinator
        self._deletions = deletions
        self._searches = searches
        self._alone = alone
        self._new_id = new_id

    async def run(
        self, body: bytes, bundle: dict[str, Any], caller: Caller, *, bearer: str, headers: Headers
    ) -> Response:
        """All or nothing, or Refused with every problem that can be seen before anything is written."""
        entries, wrong = examined(bundle, self._owners)
        asking = Asking(caller, bearer, headers)
        read_last = [each for each in entries if each.method in _READING and needs_gateway(each, self._searches)]
        entries = [each for each in entries if each not in read_last]
        if not wrong:
            await self._join_criteria(entries, asking)
        if not wrong and not read_last and (sole := self._sole_owner(entries)):
            _refuse([*_not_permitted(caller, entries)], 403)
            _refuse(await self._still_mentioned(caller, entries), 409)
            return await self._handed_over(sole, body, bearer, headers)
        # All of it is looked at here, so that a part which cannot stand refuses the whole before another is written.
        structure = [*(issue for issues in wrong.values() for issue in issues), *repeated(entries)]
        _refuse([*structure, *_not_already_said(validate(bundle), structure)], 400)
        _refuse(_not_permitted(caller, entries), 403)
        identities = Identities()
        parts = self._split(entries, identities)
        found = [each for part in parts for each in part.found]
        _refuse(dangling(found, identities), 422)
        _refuse(await self._still_mentioned(caller, entries), 409)
        await self._resolve(parts, asking)
        await self._read(read_last, asking)
        parts = _in_order(parts, identities)
        try:
            done = await self._coordinator.commit(parts, identities, bearer=bearer, headers=headers)
        except PartRefused as refused:
            return _part_refused(refused)
        except PartUnanswered as unanswered:
            return _part_unanswered(unanswered)
        return self._assembled(done | await self._read(read_last, asking))

    async def _join_criteria(self, entries: Sequence[Entry], asking: Asking) -> None:
        for entry in entries:
            try:
                await joined_criteria(entry, self._searches, asking)
            except Refused as refused:
                at = f"{entry.place}.request"
                raise Refused(refused.status, [Issue(each.code, each.text, at) for each in refused.issues]) from refused

    async def _read(self, entries: Sequence[Entry], asking: Asking) -> dict[int, dict[str, Any]]:
        """The reading entries that concern several owners.

        Asked before anything is written, so that one which cannot be answered refuses the whole, and again when all is
        written, so that they see it.
        """
        found = {}
        for entry in entries:
            told = await self._alone.carried_out(entry, bearer=asking.bearer, headers=asking.headers)
            status = int(told["response"]["status"][:3])
            if status >= HTTPStatus.BAD_REQUEST:
                raise Refused(status, _issues(told["response"].get("outcome"), entry))
            found[entry.index] = told
        return found

    async def _still_mentioned(self, caller: Caller, entries: Sequence[Entry]) -> list[Issue]:
        """Deletions of what another owner's resources refer to, unless these are deleted or written in here too."""
        deleted = {entry.target: entry for entry in entries if entry.method == "DELETE" and entry.rest}
        if not deleted:
            return []
        written = {entry.target for entry in entries if entry.method in ("DELETE", "PUT", "PATCH")}
        mentioned = await self._deletions.mentioned(deleted)
        issues = []
        for key, referrers in mentioned.items():
            if others := [each for each in referrers if each not in written]:
                issues.append(self._deletions.conflict(others, caller, f"{deleted[key].place}.request.url"))
        return issues

    def _sole_owner(self, entries: Sequence[Entry]) -> str | None:
        owner = entries[0].owner if entries else SERVICES[0]
        if any(entry.owner != owner or entry.changed for entry in entries):
            return None
        asked_elsewhere = any(
            self._owners.owner_of(type_name) != owner or self._searches.crosses(type_name, criteria)
            for _, _, type_name, criteria in conditionals(map(links, entries))
        )
        return None if asked_elsewhere else owner

    async def _handed_over(self, owner: str, body: bytes, bearer: str, headers: Headers) -> Response:
        sent = [*headers, ("content-type", "application/fhir+json"), ("accept", "application/fhir+json")]
        answer = await self._owners.request(owner, "POST", "", bearer=bearer, body=body, headers=sent)
        return Response(answer.body, answer.status, media_type=FHIR_JSON)

    def _split(self, entries: Sequence[Entry], identities: Identities) -> list[Part]:
        parts = {service: Part(service) for service in SERVICES}
        for entry in entries:
            assert entry.owner is not None, "an entry without an owner was refused"
            part = parts[entry.owner]
            part.entries.append(entry)
            part.found.append(links(entry))
            if entry.method == "POST" and not entry.rest and "ifNoneExist" not in entry.request:
                part.assigned[entry.index] = target = f"{entry.type_name}/{self._new_id()}"
                identities.name(entry.full_url, target)
            elif entry.method in ("PUT", "PATCH", "DELETE") and entry.rest:
                identities.name(entry.full_url, f"{entry.type_name}/{entry.rest}")
            else:
                identities.name(entry.full_url, None)
        return [part for part in parts.values() if part.entries]

    async def _resolve(self, parts: Sequence[Part], asking: Asking) -> None:
        """Conditional references that lead to another owner; the others an owner resolves itself."""
        foreign: dict[str, list[str]] = {}
        held: dict[str, list[tuple[Entry, dict[str, Any]]]] = {}
        issues: list[Issue] = []
        for part in parts:
            for entry, holder, type_name, criteria in conditionals(part.found):
                owner = self._owners.owner_of(type_name)
                if owner is None:
                    issues.append(Issue("not-supported", "That resource type is not known here.", place(entry, holder)))
                elif owner != part.owner or self._searches.crosses(type_name, criteria):
                    text = f"{type_name}?{criteria}"
                    if text not in held:
                        foreign.setdefault(owner, []).append(text)
                    held.setdefault(text, []).append((entry, holder))
        _refuse(issues, 422)
        if not foreign:
            return
        answers: dict[str, list[str] | None] = {}
        for matches in await asyncio.gather(
            *(self._searched(owner, texts, asking) for owner, texts in foreign.items())
        ):
            answers |= matches
        wrong = [
            (len(found) if found is not None else None, entry, holder)
            for text, found in answers.items()
            if found is None or len(found) != 1
            for entry, holder in held[text]
        ]
        _refuse([_unresolved(*each) for each in wrong], 412 if all(each[0] == 2 for each in wrong) else 422)
        only = {text: found[0] for text, found in answers.items() if found}
        for part in parts:
            replace(part.found, only)

    async def _searched(self, owner: str, texts: Sequence[str], asking: Asking) -> dict[str, list[str] | None]:
        """What each search finds at the owner, two at most, as `Type/id`; None where it makes no sense there."""
        chunks = [texts[at : at + SEARCHES_PER_BATCH] for at in range(0, len(texts), SEARCHES_PER_BATCH)]
        batches = await asyncio.gather(*(self._batch_searched(owner, chunk, asking) for chunk in chunks))
        return {text: found for batch in batches for text, found in batch.items()}

    async def _batch_searched(self, owner: str, texts: Sequence[str], asking: Asking) -> dict[str, list[str] | None]:
        asked = [await self._joined(text, asking) for text in texts]
        entries = [{"request": {"method": "GET", "url": f"{_quoted(text)}&_count=2"}} for text in asked]
        answer = await self._owners.request(
            owner,
            "POST",
            "",
            bearer=asking.bearer,
            body=orjson.dumps({"resourceType": "Bundle", "type": "batch", "entry": entries}),
            headers=[("content-type", "application/fhir+json"), ("accept", "application/fhir+json")],
        )
        if not answer.ok:
            raise Refused(answer.status, [Issue("processing", "Conditional references could not be resolved.")])
        return {text: _matches(said) for text, said in zip(texts, answer.json()["entry"], strict=True)}

    async def _joined(self, text: str, asking: Asking) -> str:
        type_name, _, criteria = text.partition("?")
        if not self._searches.crosses(type_name, criteria):
            return text
        return f"{type_name}?{await self._searches.criteria(type_name, criteria, asking)}"

    def _assembled(self, done: dict[int, dict[str, Any]]) -> Response:
        entries = [done[index] for index in sorted(done)]
        for entry in entries:
            location = entry["response"].get("location")
            if location and "://" not in location:
                entry["response"]["location"] = f"{self._owners.public_base}/{location}"
        return answered("transaction-response", entries)


def _issues(outcome: Any, entry: Entry) -> list[Issue]:
    """What an outcome says, of the entry as a whole."""
    told = outcome.get("issue", []) if isinstance(outcome, dict) else []
    found = [Issue(each["code"], each.get("details", {}).get("text", ""), entry.place) for each in told]
    return found or [Issue("processing", "The entry cannot be answered.", entry.place)]


def _refuse(issues: Sequence[Issue], status: int) -> None:
    if any(issue.severity in ("error", "fatal") for issue in issues):
        raise Refused(status, issues)


def _not_permitted(caller: Caller, entries: Sequence[Entry]) -> list[Issue]:
    return [
        forbidden(entry.type_name, entry.place)
        for entry in entries
        if not permitted(caller, entry.method, entry.type_name, entry.rest)
    ]


def _not_already_said(issues: Sequence[Issue], said: Sequence[Issue]) -> list[Issue]:
    places = {issue.at for issue in said}
    return [issue for issue in issues if issue.at not in places]


def _in_order(parts: Sequence[Part], identities: Identities) -> list[Part]:
    """Patients first, so that what refers to them finds them; the other way round when only that can work."""
    first, *others = parts
    if others and _refers(first, others[0], identities) and not _refers(others[0], first, identities):
        return [others[0], first]
    return list(parts)


def _refers(part: Part, other: Part, identities: Identities) -> bool:
    theirs = {entry.full_url for entry in other.entries if entry.full_url}
    return any(
        identities.target(each.entry, text) in theirs for each in part.found for _, text in each.references if theirs
    )


def _quoted(text: str) -> str:
    # Criteria are percent-encoded already where the sender took care; a space or a | need not have been.
    return quote(text, safe="/?&=%+,:;|~!$'()*@-._")


def _matches(said: dict[str, Any]) -> list[str] | None:
    if not said["response"]["status"].startswith("2"):
        return None
    entries = said.get("resource", {}).get("entry", [])
    found = [each["resource"] for each in entries if each.get("search", {}).get("mode", "match") == "match"]
    return [f"{resource['resourceType']}/{resource['id']}" for resource in found[:2]]


def _unresolved(matches: int | None, entry: Entry, holder: dict[str, Any]) -> Issue:
    at = place(entry, holder)
    if matches is None:
        return Issue("invalid", "The conditional reference cannot be searched for, or not with this token.", at)
    if matches == 0:
        return Issue("not-found", "The conditional reference matches no resource.", at)
    return Issue("multiple-matches", "The conditional reference matches several resources.", at)


def _part_refused(refused: PartRefused) -> Response:
    indexes = [entry.index for entry in refused.part.entries]
    said = remapped(refused.answer.body, indexes)
    if refused.remains:
        said.setdefault("issue", []).extend(issue.as_json() for issue in _remaining(refused.remains))
    return Response(orjson.dumps(said), refused.answer.status, media_type=FHIR_JSON)


def _part_unanswered(unanswered: PartUnanswered) -> Response:
    if not unanswered.remains:
        return refusal(unanswered.problem)
    issue = Issue("transient", f"The service {unanswered.problem.service} did not answer.")
    return outcome(503, [issue, *_remaining(unanswered.remains)])


def _remaining(indexes: Sequence[int]) -> list[Issue]:
    return [
        Issue(
            "incomplete",
            "This entry was, or may have been, carried out and could not be undone.",
            f"Bundle.entry[{index}]",
            "warning",
        )
        for index in indexes
    ]
