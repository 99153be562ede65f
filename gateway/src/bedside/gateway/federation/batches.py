"""A batch: each entry for itself, asked of its owner, answered in the order of the request."""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from bedside.fhir import exact_json
from bedside.fhir.outcome import Issue, Refused, operation_outcome
from bedside.gateway.federation.alone import Alone, joined_criteria, needs_gateway
from bedside.gateway.federation.coordination import Headers
from bedside.gateway.federation.deletions import Deletions
from bedside.gateway.federation.entries import Entry, answered, examined
from bedside.gateway.federation.refusals import FHIR_JSON, unavailable
from bedside.gateway.federation.remapping import remapped
from bedside.gateway.federation.searching import Searches
from bedside.gateway.federation.semi_joins import Asking, OwnerRefused
from bedside.gateway.owners import Answer, Owners, Unreachable
from bedside.identity import Caller

_SENT = (("content-type", "application/fhir+json"), ("accept", "application/fhir+json"))


class Batches:
    def __init__(self, owners: Owners, searches: Searches, deletions: Deletions, alone: Alone) -> None:
        self._owners = owners
        self._searches = searches
        self._deletions = deletions
        self._alone = alone

    async def run(
        self, body: bytes, bundle: dict[str, Any], caller: Caller, *, bearer: str, headers: Headers
    ) -> Response:
        entries, wrong = examined(bundle, self._owners)
        answers = {index: _refused(_status(issues), issues) for index, issues in wrong.items()}
        alone = [entry for entry in entries if needs_gateway(entry, self._searches)]
        handed = [entry for entry in entries if entry not in alone]
        answers |= await self._kept_from_deletion(handed, caller)
        groups: dict[str, list[Entry]] = {}
        for entry in handed:
            if entry.index not in answers:
                answers |= await self._join_criteria(entry, Asking(caller, bearer, headers))
            if entry.index not in answers:
                assert entry.owner is not None, "an entry without an owner was refused"
                groups.setdefault(entry.owner, []).append(entry)
        if len(groups) == 1 and not answers and not alone and not any(entry.changed for entry in handed):
            (owner,) = groups
            answer = await self._owners.request(owner, "POST", "", bearer=bearer, body=body, headers=[*headers, *_SENT])
            return Response(answer.body, answer.status, media_type=FHIR_JSON)
        asked = [self._part(owner, group, bearer, headers) for owner, group in groups.items()]
        for part in await asyncio.gather(*asked, *(self._by_itself(entry, bearer, headers) for entry in alone)):
            answers |= part
        return answered("batch-response", [answers[index] for index in sorted(answers)])

    async def _kept_from_deletion(self, entries: Sequence[Entry], caller: Caller) -> dict[int, dict[str, Any]]:
        deleted = [entry for entry in entries if entry.method == "DELETE"]
        try:
            mentioned = await self._deletions.mentioned({entry.target for entry in deleted}) if deleted else {}
        except Unreachable as problem:
            return {entry.index: _refused(503, [unavailable(problem)]) for entry in deleted}
        return {
            entry.index: _refused(409, [self._deletions.conflict(mentioned[entry.target], caller, entry.place)])
            for entry in deleted
            if entry.target in mentioned
        }

    async def _join_criteria(self, entry: Entry, asking: Asking) -> dict[int, dict[str, Any]]:
        """Replaces criteria that lead to another owner; an answer only where that fails."""
        try:
            await joined_criteria(entry, self._searches, asking)
        except Refused as refused:
            return {entry.index: _refused(refused.status, refused.issues)}
        except OwnerRefused as refused:
            return {entry.index: _said(refused.answer, entry)}
        except Unreachable as problem:
            return {entry.index: _refused(503, [unavailable(problem)])}
        return {}

    async def _by_itself(self, entry: Entry, bearer: str, headers: Headers) -> dict[int, dict[str, Any]]:
        return {entry.index: await self._alone.carried_out(entry, bearer=bearer, headers=headers)}

    async def _part(
        self, owner: str, entries: Sequence[Entry], bearer: str, headers: Headers
    ) -> dict[int, dict[str, Any]]:
        sources = [{**entry.source, "request": {**entry.request, "url": entry.url}} for entry in entries]
        body = exact_json.emit({"resourceType": "Bundle", "type": "batch", "entry": sources})
        try:
            answer = await self._owners.request(owner, "POST", "", bearer=bearer, body=body, headers=[*headers, *_SENT])
        except Unreachable as problem:
            return {entry.index: _refused(503, [unavailable(problem)]) for entry in entries}
        if not answer.ok:
            return {entry.index: _said(answer, entry) for entry in entries}
        told = exact_json.parse(answer.body).get("entry", [])
        return {entry.index: each for entry, each in zip(entries, told, strict=True)}


def _status(issues: Sequence[Issue]) -> int:
    return 404 if all(issue.code == "not-supported" for issue in issues) else 400


def _refused(status: int, issues: Sequence[Issue]) -> dict[str, Any]:
    return {"response": {"status": _line(status), "outcome": operation_outcome(issues)}}


def _said(answer: Answer, entry: Entry) -> dict[str, Any]:
    return {"response": {"status": _line(answer.status), "outcome": remapped(answer.body, [entry.index])}}


def _line(status: int) -> str:
    return f"{status} {HTTPStatus(status).phrase}"
