"""`_include` and `_revinclude` across owners: each owner searches its own, the gateway puts the results together."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, urlencode

from starlette.responses import Response

from bedside.fhir import exact_json
from bedside.fhir.definitions import SearchParameter, definitions
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.search.expressions import compiled
from bedside.fhir.store.references import local
from bedside.gateway.federation.refusals import FHIR_JSON, refusal, unknown_type
from bedside.gateway.federation.wire import Headers
from bedside.gateway.owners import Answer, Owners

# A page may bring at most so many resources along; beyond it the answer would be an unmarked part of the truth.
INCLUDED_MAX = 1_000
ROUNDS_MAX = 4
IDS_PER_SEARCH = 100
QUERY_CHARACTERS_MAX = 4_000
_ITERATING = (":iterate", ":recurse")


class Wanted(NamedTuple):
    """One `_include` or `_revinclude`. `target` narrows the types; `parameter` may be `*`."""

    source: str
    parameter: str
    target: str | None
    reverse: bool
    iterates: bool
    spelled: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Plan:
    """A search that needs more than one owner: `own` goes to the type's owner, `foreign` is the gateway's work."""

    type_name: str
    owner: str
    own: list[tuple[str, str]]
    foreign: list[Wanted]


class Inclusion:
    def __init__(self, owners: Owners) -> None:
        self._owners = owners

    def plan(self, type_name: str, query: str, form: bytes = b"") -> Plan | None:
        """None when the type's owner can answer alone. Refused when this cannot be asked yet, or makes no sense.

        `form` is the body of a `_search`.
        """
        text = form.decode("latin-1")
        if not _may_cross(query) and not _may_cross(text):
            return None
        owner = self._owners.owner_of(type_name)
        assert owner is not None, "only searches of owned types are planned"
        own: list[tuple[str, str]] = []
        foreign: list[Wanted] = []
        for name, value in _pairs(query) + _pairs(text):
            if name.partition(":")[0] not in ("_include", "_revinclude"):
                self._refuse_foreign_chain(type_name, owner, name)
                own.append((name, value))
                continue
            wanted = _wanted(type_name, name, value)
            reached = self._owners_of(self._types(wanted))
            if reached - {owner}:
                foreign.append(wanted)
            if owner in reached or not reached:
                own.append((name, value))
        return Plan(type_name, owner, own, foreign) if foreign else None

    async def search(self, plan: Plan, headers: Headers, bearer: str) -> Response:
        """The searchset with all it brings along.

        Raises Unreachable: a search without a part that was asked for would look complete.
        """
        answer = await self._asked(plan, headers, bearer)
        if answer.status != 200:
            return Response(answer.body, answer.status, media_type=FHIR_JSON)
        bundle = exact_json.parse(answer.body)
        try:
            await self._bring(bundle, plan, bearer)
        except Refused as refused:
            return refusal(refused)
        _relink(bundle, plan)
        return Response(exact_json.emit(bundle), media_type=FHIR_JSON)

    def _owners_of(self, type_names: Iterable[str]) -> set[str]:
        return {owner for each in type_names if (owner := self._owners.owner_of(each)) is not None}

    def _types(self, wanted: Wanted) -> set[str]:
        """The types this brings along; for one that iterates, also those it starts from."""
        if wanted.reverse:
            return {wanted.source}
        if wanted.target is not None:
            return {wanted.target}
        targets = {target for each in _parameters(wanted) for target in each.targets}
        # A parameter that may point at anything may point at everything that somebody owns.
        return targets if targets and "Resource" not in targets else {"Patient", "Encounter"}

    def _refuse_foreign_chain(self, type_name: str, owner: str, name: str) -> None:
        """Chains within one owner are its own affair."""
        if name.startswith("_has:"):
            reached = {name.split(":")[1]}
        elif "." in name:
            first, _, explicit = name.partition(".")[0].partition(":")
            parameter = definitions().search_parameters(type_name).get(first)
            reached = {explicit} if explicit else set(parameter.targets if parameter else ())
        else:
            return
        if self._owners_of(reached) - {owner}:
            text = "Chained parameters to a type of another service are not supported yet."
            raise Refused(400, [Issue("not-supported", text, f"{type_name}?{_shown(name)}")])

    async def _asked(self, plan: Plan, headers: Headers, bearer: str) -> Answer:
        kept = [(name.decode(), value.decode("latin-1")) for name, value in headers if name in _SEARCH_HEADERS]
        query = urlencode(plan.own)
        if len(query) < QUERY_CHARACTERS_MAX:
            below = f"{plan.type_name}?{query}" if query else plan.type_name
            return await self._owners.request(plan.owner, "GET", below, bearer=bearer, headers=kept)
        return await self._by_form(plan.owner, plan.type_name, query, bearer, kept)

    async def _by_form(
        self, owner: str, type_name: str, query: str, bearer: str, headers: Sequence[tuple[str, str]] = ()
    ) -> Answer:
        return await self._owners.request(
            owner,
            "POST",
            f"{type_name}/_search",
            bearer=bearer,
            body=query.encode(),
            headers=[*headers, ("content-type", "application/x-www-form-urlencoded")],
        )

    async def _bring(self, bundle: dict[str, Any], plan: Plan, bearer: str) -> None:
        entries: list[dict[str, Any]] = bundle.setdefault("entry", [])
        held = {_name(each["resource"]) for each in entries}
        fresh = [each["resource"] for each in entries if each.get("search", {}).get("mode") != "outcome"]
        for turn in range(ROUNDS_MAX):
            wanted = [each for each in plan.foreign if turn == 0 or each.iterates]
            found = await self._round(fresh, wanted, held, bearer)
            fresh = [each["resource"] for each in found]
            held |= {_name(resource) for resource in fresh}
            entries += [{**each, "search": {"mode": "include"}} for each in found]
            if not fresh or not any(each.iterates for each in plan.foreign):
                break
        if not entries:
            del bundle["entry"]

    async def _round(
        self, resources: Sequence[dict[str, Any]], wanted: Iterable[Wanted], held: set[str], bearer: str
    ) -> list[dict[str, Any]]:
        forward: dict[str, set[str]] = {}
        searches = []
        for each in wanted:
            if each.reverse:
                searches += self._reversed(each, resources, bearer)
            else:
                for target in self._pointed_at(each, resources) - held:
                    forward.setdefault(target.partition("/")[0], set()).add(target.partition("/")[2])
        if sum(map(len, forward.values())) > INCLUDED_MAX:
            raise _too_costly()
        for type_name, ids in forward.items():
            for chunk in _chunks(sorted(ids)):
                searches.append(self._all(type_name, [("_id", ",".join(chunk))], bearer))
        found: dict[str, dict[str, Any]] = {}
        for entries in await asyncio.gather(*searches):
            found |= {_name(each["resource"]): each for each in entries}
        if len(found) > INCLUDED_MAX:
            raise _too_costly()
        return [each for name, each in found.items() if name not in held]

    def _pointed_at(self, wanted: Wanted, resources: Iterable[dict[str, Any]]) -> set[str]:
        found: set[str] = set()
        for resource in resources:
            if resource["resourceType"] != wanted.source:
                continue
            for parameter in _parameters(wanted):
                nodes = compiled(wanted.source, parameter.expression, "reference")(resource, resource)
                found |= {name for node in nodes if (name := self._named(node)) is not None}
        return {
            name
            for name in found
            if wanted.target in (None, type_name := name.partition("/")[0]) and self._owners.owner_of(type_name)
        }

    def _named(self, node: Any) -> str | None:
        text = node.get("reference") if isinstance(node, dict) else None
        return local(text.removeprefix(f"{self._owners.public_base}/")) if isinstance(text, str) else None

    def _reversed(self, wanted: Wanted, resources: Iterable[dict[str, Any]], bearer: str) -> list[Any]:
        parameter = definitions().search_parameters(wanted.source)[wanted.parameter]
        names = sorted(
            _name(resource)
            for resource in resources
            if resource["resourceType"] in parameter.targets and wanted.target in (None, resource["resourceType"])
        )
        return [
            self._all(wanted.source, [(wanted.parameter, ",".join(chunk))], bearer) for chunk in _chunks(names) if chunk
        ]

    async def _all(self, type_name: str, pairs: list[tuple[str, str]], bearer: str) -> list[dict[str, Any]]:
        """All pages of a search at the owner of the type; what the caller may not see there is not found."""
        owner = self._owners.owner_of(type_name)
        assert owner is not None, "only owned types are brought along"
        answer = await self._by_form(owner, type_name, urlencode([*pairs, ("_count", "200")]), bearer)
        found: list[dict[str, Any]] = []
        while True:
            if answer.status == 403:
                # A scope for the outer type alone: R4 leaves out what the caller may not see.
                return []
            if not answer.ok:
                raise Refused(answer.status, [Issue("processing", f"The included {type_name} could not be read.")])
            page = exact_json.parse(answer.body)
            found += [each for each in page.get("entry", []) if each.get("search", {}).get("mode") != "outcome"]
            following = next((link["url"] for link in page.get("link", []) if link["relation"] == "next"), None)
            if len(found) > INCLUDED_MAX:
                raise _too_costly()
            if following is None:
                return found
            answer = await self._owners.request(owner, "GET", self._owners.below_base(following), bearer=bearer)


_SEARCH_HEADERS = frozenset({b"accept", b"prefer", b"x-test-now", b"traceparent", b"x-request-id"})


def _may_cross(query: str) -> bool:
    """Whether anything here might lead beyond one owner: cheap, and rather too often than too seldom."""
    return "include" in query or "_has" in query or "." in query or "%" in query


def _parameters(wanted: Wanted) -> list[SearchParameter]:
    known = definitions().search_parameters(wanted.source)
    chosen = known.values() if wanted.parameter == "*" else [known[wanted.parameter]]
    return [each for each in chosen if each.type == "reference" and each.expression]


def _relink(bundle: dict[str, Any], plan: Plan) -> None:
    """Later pages bring along what this one does: the links keep asking for it."""
    # What the owner was asked for as well stands in its links already.
    spelled = [each.spelled for each in plan.foreign if each.spelled not in plan.own]
    if not spelled:
        return
    asked = "&".join(f"{quote(name, safe=':')}={quote(value, safe=':*')}" for name, value in spelled)
    for link in bundle.get("link", []):
        link["url"] += ("&" if "?" in link["url"] else "?") + asked


def _pairs(query: str) -> list[tuple[str, str]]:
    return parse_qsl(query, keep_blank_values=True)


def _wanted(type_name: str, name: str, value: str) -> Wanted:
    reverse = name.startswith("_revinclude")
    iterates = name.endswith(_ITERATING)
    # A star alone is everything that the searched type refers to.
    source, _, rest = (f"{type_name}:*" if value == "*" and not reverse else value).partition(":")
    parameter, _, target = rest.partition(":")
    known = definitions()
    at = f"{name}={_shown(value)}"
    if source not in known.resource_types:
        raise Refused(400, [unknown_type(source, at)])
    parameters = known.search_parameters(source)
    wild = parameter == "*" and not reverse
    if not wild and (parameter not in parameters or parameters[parameter].type != "reference"):
        raise Refused(400, [Issue("not-supported", "That is no reference parameter of that type.", at)])
    return Wanted(source, parameter, target or None, reverse, iterates, (name, value))


def _name(resource: dict[str, Any]) -> str:
    return f"{resource['resourceType']}/{resource.get('id')}"


def _chunks(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[at : at + IDS_PER_SEARCH] for at in range(0, len(ids), IDS_PER_SEARCH)]


def _too_costly() -> Refused:
    text = f"More than {INCLUDED_MAX} resources would have to be brought along: ask for a smaller page."
    return Refused(403, [Issue("too-costly", text)])


def _shown(text: str) -> str:
    """Names and parameters only, as far as they cannot be anything else."""
    return text if len(text) <= 100 and all(part.isalnum() or part in "_-:.*" for part in text) else "…"
