"""What others refer to is not deleted under them: before one owner deletes, the other owners are asked.

Within one owner this is its own rule; used directly, an owner does not know the others'.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from http import HTTPStatus
from typing import NamedTuple

import orjson
from starlette.responses import Response

from bedside.fhir import exact_json
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.rest.confinement import purview_of
from bedside.fhir.rest.exchange import query_pairs
from bedside.gateway.federation.refusals import outcome, unavailable
from bedside.gateway.federation.semi_joins import Asking, OwnerRefused
from bedside.gateway.owners import Answer, Owners, Unreachable
from bedside.gateway.ownership import SERVICES
from bedside.identity import Caller

CASCADED_MAX = 1000
ROUNDS_MAX = 16
_CASCADES = ("_cascade", "delete")
_FHIR_JSON = "application/fhir+json"


class Deletion(NamedTuple):
    """`Patient/p1`, or `Patient` with criteria; `query` as the caller sent it, `if_match` an ETag."""

    path: str
    query: str
    if_match: str | None = None

    @property
    def cascades(self) -> bool:
        return _CASCADES in query_pairs(self.query)


class Deletions:
    def __init__(self, owners: Owners) -> None:
        self._owners = owners

    async def stopped(self, deletion: Deletion, asking: Asking) -> Response | int:
        """Why it must not be; or how many that referred to it were deleted, and then its owner is to delete it.

        Raises Unreachable: who does not answer may have referrers.
        """
        target = await self._target(deletion, asking)
        if target is None:
            return 0
        if not deletion.cascades:
            mentioned = await self.mentioned([target])
            if not mentioned or not await self._is_there(target, deletion, asking):
                return 0
            return outcome(409, [self.conflict(mentioned[target], asking.caller)])
        if not await self._is_there(target, deletion, asking):
            return 0
        return await self._cleared(target, asking)

    async def mentioned(self, keys: Collection[str]) -> dict[str, list[str]]:
        """By `Type/id`, which resources of other owners refer to it; those that nobody refers to are left out."""
        found: dict[str, list[str]] = {}
        for service in SERVICES:
            foreign = [key for key in keys if self._owner(key) != service]
            for key, referrers in (await self._mentions(service, foreign)).items():
                found.setdefault(key, []).extend(referrers)
        return found

    def conflict(self, referrers: Sequence[str], caller: Caller, at: str | None = None) -> Issue:
        """Says how many of which types refer to it, as far as the caller may read them."""
        counts = Counter(key.partition("/")[0] for key in referrers)
        if not all(purview_of(caller).is_whole("r", each) for each in counts):
            return Issue("conflict", "other resources refer to it", at)
        told = ", ".join(f"{count} {type_name}" for type_name, count in sorted(counts.items()))
        text = f"other resources refer to it ({told}); delete them first, or ask for _cascade=delete"
        return Issue("conflict", text, at)

    async def _target(self, deletion: Deletion, asking: Asking) -> str | None:
        """The one resource that is meant; None where the owner has to say what is wrong."""
        type_name, _, id = deletion.path.partition("/")
        if id:
            return deletion.path if "/" not in id else None
        pairs = [pair for pair in query_pairs(deletion.query) if pair[0] != "_cascade"]
        owner = self._owners.owner_of(type_name)
        if not pairs or owner is None:
            return None
        question = {"searches": [{"type": type_name, "criteria": pairs}]}
        answer = await self._owners.internally(owner, "matching", question, bearer=asking.bearer)
        ids = answer.json()["found"][0]["ids"] if answer.ok else []
        return f"{type_name}/{ids[0]}" if len(ids) == 1 else None

    async def _is_there(self, target: str, deletion: Deletion, asking: Asking) -> bool:
        """Whether the caller could delete it. What they may not see is the owner's to answer for."""
        answer = await self._owners.request(self._owner(target), "HEAD", target, bearer=asking.bearer)
        if answer.status == HTTPStatus.FORBIDDEN:
            return True
        current = answer.header("etag")
        return answer.ok and (deletion.if_match is None or current is None or deletion.if_match == current)

    async def _cleared(self, target: str, asking: Asking) -> Response | int:
        """Deletes what refers to the target, however indirectly, the other owners' first."""
        closure = await self._closure(target)
        own = self._owner(target)
        deleted = 0
        for service in (*(each for each in SERVICES if each != own), own):
            keys = sorted(key for key in closure.get(service, ()) if key != target)
            if not keys or (service == own and not closure.get("beyond")):
                continue
            try:
                answer = await self._deleted(service, keys, asking)
            except Unreachable as problem:
                if not deleted:
                    raise
                return outcome(503, [unavailable(problem), _incomplete(deleted)])
            if not answer.ok:
                text = "resources that cannot be deleted with this token, or at all, refer to it"
                left = [_incomplete(deleted)] if deleted else []
                return outcome(409, [Issue("conflict", text), *left])
            deleted += len(keys)
        return deleted

    async def _closure(self, target: str) -> dict[str, set[str]]:
        """All that refers to it, by owner; under `beyond` what an owner would not find by itself."""
        found, reached = {target}, {target}
        by_owner: dict[str, set[str]] = {}
        for _ in range(ROUNDS_MAX):
            fresh: set[str] = set()
            for service in SERVICES:
                for key, referrers in (await self._mentions(service, sorted(reached))).items():
                    fresh |= set(referrers) - found
                    if service == self._owner(target) != self._owner(key):
                        by_owner.setdefault("beyond", set()).update(referrers)
            found |= fresh
            reached = fresh
            if len(found) > CASCADED_MAX:
                break
            if not fresh:
                for key in found - {target}:
                    by_owner.setdefault(self._owner(key), set()).add(key)
                return by_owner
        raise _too_many()

    async def _mentions(self, service: str, keys: Sequence[str]) -> Mapping[str, list[str]]:
        if not keys:
            return {}
        answer = await self._owners.internally(service, "mentions", {"references": list(keys)})
        if not answer.ok:
            raise OwnerRefused(answer)
        told: dict[str, list[str]] = answer.json()["mentions"]
        return told

    async def _deleted(self, service: str, keys: Sequence[str], asking: Asking) -> Answer:
        entries = [{"request": {"method": "DELETE", "url": key}} for key in keys]
        body = exact_json.emit({"resourceType": "Bundle", "type": "transaction", "entry": entries})
        headers = [("content-type", _FHIR_JSON), ("accept", _FHIR_JSON)]
        return await self._owners.request(service, "POST", "", bearer=asking.bearer, body=body, headers=headers)

    def _owner(self, key: str) -> str:
        owner = self._owners.owner_of(key.partition("/")[0])
        assert owner is not None, "only resources of owned types are deleted or refer"
        return owner


def add_incomplete(body: bytes, deleted: int) -> bytes:
    """An owner's outcome, with how much was deleted before it refused."""
    said = orjson.loads(body)
    said.setdefault("issue", []).append(_incomplete(deleted).as_json())
    return orjson.dumps(said)


def _incomplete(deleted: int) -> Issue:
    text = f"{deleted} resources that referred to it are deleted already."
    return Issue("incomplete", text, severity="warning")


def _too_many() -> Refused:
    text = f"more than {CASCADED_MAX} resources refer to it: delete them first"
    return Refused(409, [Issue("too-costly", text)])
