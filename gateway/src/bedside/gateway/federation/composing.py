"""One answer of several owners: searches of many types, whole compartments, the history of everything.

Each owner is a stream of pages at one snapshot. A page of ours takes from the streams in order, and remembers for each
where it stopped: the owner's token and how many entries of that page were taken.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, NamedTuple

from starlette.responses import Response

from bedside.fhir import exact_json
from bedside.fhir.outcome import Refused
from bedside.fhir.rest import negotiation
from bedside.fhir.rest.as_of import PARAMETER as AS_OF
from bedside.fhir.rest.composed import HEADER as COMPOSED
from bedside.fhir.search.purview import DIRECTORY
from bedside.gateway.federation import links
from bedside.gateway.federation.inclusion import Inclusion, Wanted
from bedside.gateway.federation.ordering import Ordering
from bedside.gateway.federation.pages import Pages
from bedside.gateway.federation.refusals import FHIR_JSON, refusal
from bedside.gateway.federation.semi_joins import Asking, OwnerRefused, Pair
from bedside.gateway.owners import Owners

COUNT_MAX = 1000
_INCLUDING = ("_include", "_revinclude")


@dataclass(frozen=True, slots=True)
class Composition:
    """What is asked of each owner at `path`: its own parameters, by owner in the order in which they come first.

    `asked` is what the caller sees of it in the links. `kind` is the type of the Bundle.
    `brings_directory`: who and where care was given is brought along from the owner that knows it.
    """

    kind: str
    path: str
    by_owner: Mapping[str, Sequence[Pair]]
    asked: Sequence[Pair]
    ordering: Ordering
    count: int
    page: str | None
    pretty: bool = False
    brings_directory: bool = False


class _Place(NamedTuple):
    """Where a stream goes on: after `taken` entries of the page with this token; None is its first."""

    page: str | None
    taken: int


@dataclass(slots=True)
class _Stream:
    owner: str
    pairs: Sequence[Pair]
    place: _Place | None
    entries: list[dict[str, Any]] = field(default_factory=list)
    following: str | None = None
    total: int | None = None
    told: list[dict[str, Any]] = field(default_factory=list)
    applied: list[Pair] = field(default_factory=list)

    @property
    def head(self) -> dict[str, Any] | None:
        if self.place is None or self.place.taken >= len(self.entries):
            return None
        return self.entries[self.place.taken]


class Compositions:
    def __init__(self, owners: Owners, pages: Pages) -> None:
        self._owners = owners
        self._pages = pages
        self._inclusion = Inclusion(owners)

    async def answered(self, composition: Composition, asking: Asking) -> Response:
        """Raises Unreachable: an answer without one owner's part would look complete."""
        try:
            bundle = await self._composed(composition, asking)
        except OwnerRefused as refused:
            answer = refused.answer
            return Response(answer.body, answer.status, media_type=answer.header("content-type"))
        except Refused as refused:
            return refusal(refused)
        body = negotiation.Wanted(pretty=composition.pretty).body(exact_json.emit(bundle))
        return Response(body, media_type=FHIR_JSON)

    async def _composed(self, composition: Composition, asking: Asking) -> dict[str, Any]:
        streams, total = await self._begun(composition, asking)
        taken: list[dict[str, Any]] = []
        while len(taken) < composition.count:
            waiting = [stream for stream in streams if stream.place is not None]
            for stream in waiting:
                await self._refilled(composition, stream, asking)
            heads = [stream for stream in streams if stream.head is not None]
            if not heads or not _may_begin(composition, heads[0], taken):
                break
            first = composition.ordering.first([stream.head for stream in heads])
            stream = heads[first]
            assert stream.head is not None, "only streams with a head are compared"
            assert stream.place is not None, "what ended has no head"
            taken.append(stream.head)
            stream.place = _Place(stream.place.page, stream.place.taken + 1)
        return await self._bundle(composition, streams, taken, total, asking)

    async def _begun(self, composition: Composition, asking: Asking) -> tuple[list[_Stream], int | None]:
        shown = links.selecting(composition.asked)
        if composition.page is None:
            snapshots = await asyncio.gather(*(self._snapshot(owner, asking) for owner in composition.by_owner))
            asking.snapshots.update(zip(composition.by_owner, snapshots, strict=True))
            places: dict[str, Any] = dict.fromkeys(composition.by_owner, (None, 0))
            total = None
        else:
            opened = self._pages.opened(composition.page, composition.path, shown, asking.caller)
            places, snapshots_then, total = opened
            asking.snapshots.update(snapshots_then)
        streams = [
            _Stream(owner, pairs, _Place(*places[owner]) if places.get(owner) else None)
            for owner, pairs in composition.by_owner.items()
        ]
        open_ones = [stream for stream in streams if stream.place is not None]
        await asyncio.gather(*(self._read(composition, stream, asking) for stream in open_ones))
        if composition.page is None and all(stream.total is not None for stream in streams):
            total = sum(stream.total or 0 for stream in streams)
        return streams, total

    async def _snapshot(self, owner: str, asking: Asking) -> int:
        answer = await self._owners.internally(owner, "matching", {"searches": []}, bearer=asking.bearer)
        if not answer.ok:
            raise OwnerRefused(answer)
        return int(answer.json()["snapshot"])

    async def _refilled(self, composition: Composition, stream: _Stream, asking: Asking) -> None:
        """Goes on to the stream's next page when this one is used up, or ends it."""
        if stream.head is not None:
            return
        if stream.following is None:
            stream.place = None
            return
        stream.place = _Place(stream.following, 0)
        await self._read(composition, stream, asking)

    async def _read(self, composition: Composition, stream: _Stream, asking: Asking) -> None:
        assert stream.place is not None, "a stream that ended is not read"
        page = stream.place.page
        pairs = [*stream.pairs, *([("_page", page)] if page is not None else [])]
        said = str(asking.snapshots[stream.owner])
        answer = await self._owners.request(
            stream.owner,
            "GET",
            links.written(composition.path, pairs),
            bearer=asking.bearer,
            headers=[*asking.headers, (COMPOSED, said)],
        )
        if answer.status != HTTPStatus.OK:
            raise OwnerRefused(answer)
        bundle = exact_json.parse(answer.body)
        entries = bundle.get("entry", [])
        stream.entries = [each for each in entries if each.get("search", {}).get("mode", "match") == "match"]
        stream.told += [each for each in entries if each.get("search", {}).get("mode") == "outcome"]
        stream.total = bundle.get("total")
        told = bundle.get("link", [])
        stream.following = links.page_of(told, "next")
        stream.applied = links.applied(told)

    async def _bundle(
        self,
        composition: Composition,
        streams: Sequence[_Stream],
        taken: list[dict[str, Any]],
        total: int | None,
        asking: Asking,
    ) -> dict[str, Any]:
        bundle: dict[str, Any] = {"resourceType": "Bundle", "type": composition.kind}
        if total is not None:
            bundle["total"] = total
        shown = _shown(composition, streams)
        address = f"{self._owners.public_base}/{composition.path}".rstrip("/")
        bundle["link"] = [{"relation": "self", "url": links.written(address, shown)}]
        if any(stream.head is not None or stream.following for stream in streams if stream.place is not None):
            places = {stream.owner: list(stream.place) if stream.place else None for stream in streams}
            token = self._pages.sealed([places, asking.snapshots, total], composition.path, shown, asking.caller)
            bundle["link"].append({"relation": "next", "url": links.written(address, [*shown, ("_page", token)])})
        if taken:
            bundle["entry"] = taken
        past = dict(composition.asked).get(AS_OF)
        if composition.brings_directory:
            # Two steps, as an owner goes by itself: to a role, and to the organization that it is of.
            for _ in range(2):
                around = _around(composition, bundle.get("entry", []))
                await self._inclusion.bring(bundle, around, asking.bearer, past=past)
        elif wanted := self._wanted(composition, taken):
            await self._inclusion.bring(bundle, wanted, asking.bearer, past=past)
        told = {exact_json.emit(each): each for stream in streams for each in stream.told}
        if told:
            bundle.setdefault("entry", []).extend(told.values())
        return bundle

    def _wanted(self, composition: Composition, taken: Sequence[dict[str, Any]]) -> list[Wanted]:
        """What is to be brought along; a star alone is everything that any type on the page refers to."""
        types = sorted({each["resource"]["resourceType"] for each in taken if "resource" in each})
        found: list[Wanted | None] = []
        for name, value in composition.asked:
            if name.partition(":")[0] in _INCLUDING:
                sources = [f"{each}:*" for each in types] if value == "*" else [value]
                found += [self._inclusion.wanted("", (name, source)) for source in sources]
        return [each for each in found if each is not None]


def _around(composition: Composition, entries: Sequence[dict[str, Any]]) -> list[Wanted]:
    """Who and where care was given; of an encounter also whose it is."""
    asked = {name for key, value in composition.asked if key == "_type" for name in value.split(",")}
    names = set(DIRECTORY)
    if composition.path.startswith("Encounter/"):
        names |= {"Patient", "RelatedPerson"}
    types = sorted({each["resource"]["resourceType"] for each in entries if "resource" in each})
    wanted = sorted(names & asked if asked else names)
    return [Wanted(each, "*", name, False, False, ("", "")) for each in types for name in wanted]


def _may_begin(composition: Composition, stream: _Stream, taken: Sequence[Any]) -> bool:
    """One owner after the other, a page of one is shown whole or not begun: the first of them has no token yet."""
    if composition.ordering.keys or stream.place is None or stream.place.taken:
        return True
    return not taken or len(taken) + len(stream.entries) <= composition.count


def _shown(composition: Composition, streams: Sequence[_Stream]) -> list[Pair]:
    """What was asked, less what no owner applied (lenient)."""
    read = [stream for stream in streams if stream.applied or stream.place is not None]
    sent = {pair for stream in read for pair in stream.pairs}
    applied = {pair for stream in read for pair in stream.applied}
    return [pair for pair in links.selecting(composition.asked) if pair not in sent or pair in applied]
