"""A batch: each entry for itself, asked of its owner, answered in the order of the request."""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from bedside.fhir import exact_json
from bedside.fhir.outcome import Issue, Refused, operation_outcome
from bedside.gateway.federation.coordination import Headers
from bedside.gateway.federation.entries import Entry, answered, examined
from bedside.gateway.federation.refusals import FHIR_JSON, unavailable
from bedside.gateway.federation.remapping import remapped
from bedside.gateway.federation.searching import Plan, Searches
from bedside.gateway.federation.semi_joins import Asking
from bedside.gateway.owners import Answer, Owners, Unreachable
from bedside.identity import Caller

_SENT = (("content-type", "application/fhir+json"), ("accept", "application/fhir+json"))


class Batches:
    def __init__(self, owners: Owners, searches: Searches) -> None:
        self._owners = owners
        self._searches = searches

    async def run(
        self, body: bytes, bundle: dict[str, Any], caller: Caller, *, bearer: str, headers: Headers
    ) -> Response:
        entries, wrong = examined(bundle, self._owners)
        answers = {index: _refused(_status(issues), issues) for index, issues in wrong.items()}
        composed: list[tuple[Entry, Plan]] = []
        groups: dict[str, list[Entry]] = {}
        for entry in entries:
            assert entry.owner is not None, "an entry without an owner was refused"
            try:
                plan = self._searches.plan(entry.type_name, entry.criteria) if _searches(entry) else None
            except Refused as refused:
                answers[entry.index] = _refused(refused.status, refused.issues)
                continue
            if plan is not None:
                composed.append((entry, plan))
            else:
                groups.setdefault(entry.owner, []).append(entry)
        if len(groups) == 1 and not answers and not composed:
            (owner,) = groups
            answer = await self._owners.request(owner, "POST", "", bearer=bearer, body=body, headers=[*headers, *_SENT])
            return Response(answer.body, answer.status, media_type=FHIR_JSON)
        asked = [self._part(owner, group, bearer, headers) for owner, group in groups.items()]
        searched = [self._composed(entry, plan, Asking(caller, bearer, headers)) for entry, plan in composed]
        for part in await asyncio.gather(*asked, *searched):
            answers |= part
        return answered("batch-response", [answers[index] for index in sorted(answers)])

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

    async def _composed(self, entry: Entry, plan: Plan, asking: Asking) -> dict[int, dict[str, Any]]:
        try:
            answer = await self._searches.answered(plan, asking)
        except Unreachable as problem:
            return {entry.index: _refused(503, [unavailable(problem)])}
        resource, status = exact_json.parse(bytes(answer.body)), _line(answer.status_code)
        if answer.status_code != HTTPStatus.OK:
            return {entry.index: {"response": {"status": status, "outcome": resource}}}
        return {entry.index: {"resource": resource, "response": {"status": status}}}


def _searches(entry: Entry) -> bool:
    return entry.method == "GET" and not entry.rest


def _status(issues: Sequence[Issue]) -> int:
    return 404 if all(issue.code == "not-supported" for issue in issues) else 400


def _refused(status: int, issues: Sequence[Issue]) -> dict[str, Any]:
    return {"response": {"status": _line(status), "outcome": operation_outcome(issues)}}


def _said(answer: Answer, entry: Entry) -> dict[str, Any]:
    return {"response": {"status": _line(answer.status), "outcome": remapped(answer.body, [entry.index])}}


def _line(status: int) -> str:
    return f"{status} {HTTPStatus(status).phrase}"
