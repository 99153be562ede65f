"""A search that needs more than one owner: its chains are joined, its type's owner asked, its includes brought along.

The caller sees one search: links show what was asked, and a later page sees the state that the first one saw.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import orjson
from starlette.responses import Response

from bedside.fhir import exact_json
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.rest import negotiation
from bedside.fhir.rest.as_of import PARAMETER as AS_OF
from bedside.fhir.rest.composed import HEADER as COMPOSED
from bedside.fhir.rest.exchange import query_pairs
from bedside.gateway.federation.inclusion import Inclusion, Wanted, may_include
from bedside.gateway.federation.links import Links, Seal, selecting
from bedside.gateway.federation.pages import Pages
from bedside.gateway.federation.refusals import refusal
from bedside.gateway.federation.semi_joins import Asking, OwnerRefused, Pair, SemiJoins, may_join
from bedside.gateway.owners import Answer, Owners

QUERY_CHARACTERS_MAX = 4_000
CRITERIA_CHARACTERS_MAX = 16_000
# Two ids at once: what is asked for where nothing can match, so that the owner still shapes and checks the answer.
_NOTHING = (("_id", "none"), ("_id", "neither"))
_ENTRIES = b',"entry":['


@dataclass(frozen=True, slots=True)
class Plan:
    """`path` is the type, or a compartment and the type. `own` goes to the type's owner; of these `joins` only once the
    gateway has joined them. `foreign` is brought along by the gateway. `page` is the caller's token."""

    path: str
    type_name: str
    owner: str
    own: tuple[Pair, ...]
    joins: frozenset[Pair]
    foreign: tuple[Wanted, ...]
    page: str | None
    pretty: bool

    @property
    def asked(self) -> list[Pair]:
        return [*self.own, *(each.spelled for each in self.foreign if each.spelled not in self.own)]


class Searches:
    def __init__(self, owners: Owners, pages: Pages) -> None:
        self._owners = owners
        self._pages = pages
        self._inclusion = Inclusion(owners)
        self.joins = SemiJoins(owners)

    def plan(self, path: str, query: str, form: bytes = b"") -> Plan | None:
        """None when the type's owner can answer alone. Refused when this makes no sense.

        `form` is the body of a `_search`.
        """
        text = f"{query}&{form.decode('latin-1')}"
        if not may_include(text) and not may_join(text):
            return None
        type_name = path.rpartition("/")[2]
        owner = self._owners.owner_of(type_name)
        assert owner is not None, "only searches of owned types are planned"
        pairs = query_pairs(query) + query_pairs(form.decode("latin-1"))
        own: list[Pair] = []
        foreign: list[Wanted] = []
        for pair in pairs:
            wanted = self._inclusion.wanted(type_name, pair)
            reached = set() if wanted is None else self._inclusion.owners_of(wanted)
            if wanted is not None and reached - {owner}:
                foreign.append(wanted)
            if owner in reached or not reached:
                own.append(pair)
        joins = frozenset(pair for pair in own if self.joins.crosses(type_name, pair[0]))
        if not foreign and not joins:
            return None
        page = next((value for name, value in own if name == "_page"), None)
        kept = tuple(pair for pair in own if pair[0] != "_page")
        return Plan(path, type_name, owner, kept, joins, tuple(foreign), page, ("_pretty", "true") in pairs)

    def crosses(self, type_name: str, query: str) -> bool:
        """Whether any of the criteria leads to another owner."""
        return may_join(query) and any(self.joins.crosses(type_name, name) for name, _ in query_pairs(query))

    async def criteria(self, type_name: str, query: str, asking: Asking) -> str:
        """The criteria of a conditional write as its type's owner can search for them.

        Raises as `SemiJoins.joined`; Refused also when they would be longer than an address can be.
        """
        if not self.crosses(type_name, query):
            return query
        joined: list[Pair] = []
        for pair in query_pairs(query):
            found = await self.joins.joined(type_name, pair, asking)
            joined += _NOTHING if found is None else [found]
        written = urlencode(joined)
        if len(written) > CRITERIA_CHARACTERS_MAX:
            raise Refused(400, [Issue("too-costly", "The criteria find too many resources of another service.")])
        return written

    async def answered(self, plan: Plan, asking: Asking) -> Response:
        """The searchset, or why there is none.

        Raises Unreachable: a search without a part that was asked for would look complete.
        """
        try:
            return await self._answered(plan, asking)
        except OwnerRefused as refused:
            return passed_on(refused.answer)
        except Refused as refused:
            return refusal(refused)

    async def _answered(self, plan: Plan, asking: Asking) -> Response:
        page = self._opened(plan, asking)
        asking.past = next((value for name, value in plan.own if name == AS_OF), None)
        # A token that begins with a dot holds all parameters, those that were joined among them.
        holds_all = page is not None and page.startswith(".")
        sent: list[tuple[Pair, Pair | None]] = []
        for pair in plan.own:
            sent += await self._sent(plan, pair, asking) if pair in plan.joins and not holds_all else [(pair, pair)]
        pairs = [] if holds_all else [mine for mine, _ in sent]
        pairs += [("_page", page)] if page is not None else []
        answer = await self._asked(plan, pairs, asking)
        if answer.status != HTTPStatus.OK:
            return passed_on(answer)
        address, added = f"{self._owners.public_base}/{plan.path}", [each.spelled for each in plan.foreign]
        missing = [pair for pair in added if pair not in plan.own]
        relink = Links(address, dict(sent), missing, self._sealing(plan, asking))
        if not plan.foreign and (spliced := _spliced(answer.body, relink)) is not None:
            return Response(spliced, media_type=answer.header("content-type"))
        bundle = exact_json.parse(answer.body)
        await self._inclusion.bring(bundle, plan.foreign, asking.bearer, past=asking.past)
        bundle["link"] = relink(bundle.get("link", []))
        return Response(_written(bundle, pretty=plan.pretty), media_type=answer.header("content-type"))

    def _opened(self, plan: Plan, asking: Asking) -> str | None:
        """The owner's token; what of ours was sealed around it goes to where it is used."""
        if plan.page is None or not plan.joins:
            return plan.page
        page, snapshots = self._pages.opened(plan.page, plan.path, selecting(plan.asked), asking.caller)
        asking.snapshots.update(snapshots)
        return str(page)

    def _sealing(self, plan: Plan, asking: Asking) -> Seal:
        def seal(page: str, shown: Sequence[Pair]) -> str:
            if not plan.joins:
                return page
            return self._pages.sealed([page, asking.snapshots], plan.path, selecting(shown), asking.caller)

        return seal

    async def _sent(self, plan: Plan, pair: Pair, asking: Asking) -> list[tuple[Pair, Pair | None]]:
        """What the owner is sent for a parameter that crosses, each with what the caller is shown in its place."""
        try:
            joined = await self.joins.joined(plan.type_name, pair, asking)
        except OwnerRefused as refused:
            if _is_lenient(asking) and _only_unsupported(refused.answer):
                # The type's owner does not know the parameter either: it leaves it out, and says so.
                return [(pair, pair)]
            raise
        if joined is None:
            return [(_NOTHING[0], pair), (_NOTHING[1], None)]
        return [(joined, pair)]

    async def _asked(self, plan: Plan, pairs: Sequence[Pair], asking: Asking) -> Answer:
        query = urlencode(pairs)
        # With ids handed over, a link that carried all parameters would be too long.
        headers = [*asking.headers, *([(COMPOSED, "now")] if plan.joins else [])]
        if len(query) < QUERY_CHARACTERS_MAX:
            below = f"{plan.path}?{query}" if query else plan.path
            return await self._owners.request(plan.owner, "GET", below, bearer=asking.bearer, headers=headers)
        return await self._owners.request(
            plan.owner,
            "POST",
            f"{plan.path}/_search",
            bearer=asking.bearer,
            body=query.encode(),
            headers=[*headers, ("content-type", "application/x-www-form-urlencoded")],
        )


def passed_on(answer: Answer) -> Response:
    """An owner's refusal, unchanged, and when to ask again."""
    later = answer.header("retry-after")
    headers = {"Retry-After": later} if later else None
    return Response(answer.body, answer.status, headers, answer.header("content-type"))


def _spliced(body: bytes, relink: Links) -> bytes | None:
    """The searchset with other links, its entries untouched; None when it is not written as owners write it."""
    head, mark, entries = body.partition(_ENTRIES)
    try:
        bundle = orjson.loads(head + b"}" if mark else head)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(bundle, dict) or "link" not in bundle:
        return None
    bundle["link"] = relink(bundle["link"])
    written = orjson.dumps(bundle)
    return written[:-1] + mark + entries if mark else written


def _written(bundle: dict[str, Any], *, pretty: bool) -> bytes:
    return negotiation.Wanted(pretty=pretty).body(exact_json.emit(bundle))


def _is_lenient(asking: Asking) -> bool:
    said = ",".join(value for name, value in asking.headers if name == "prefer").replace(" ", "").lower()
    return "handling=lenient" in said


def _only_unsupported(answer: Answer) -> bool:
    try:
        issues = answer.json()["issue"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return False
    return answer.status == HTTPStatus.BAD_REQUEST and all(each.get("code") == "not-supported" for each in issues)
