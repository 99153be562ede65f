"""`_include` and `_revinclude` across owners: each owner searches its own, the gateway puts the results together."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from bedside.fhir import exact_json
from bedside.fhir.definitions import SearchParameter, definitions
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.rest.as_of import PARAMETER as AS_OF
from bedside.fhir.search.expressions import compiled
from bedside.fhir.store.references import local
from bedside.gateway.federation.refusals import unknown_type
from bedside.gateway.owners import Answer, Owners

# A page may bring at most so many resources along; beyond it the answer would be an unmarked part of the truth.
INCLUDED_MAX = 1_000
ROUNDS_MAX = 4
IDS_PER_SEARCH = 100
Pair = tuple[str, str]
_ITERATING = (":iterate", ":recurse")


class Wanted(NamedTuple):
    """One `_include` or `_revinclude`. `target` narrows the types; `parameter` may be `*`."""

    source: str
    parameter: str
    target: str | None
    reverse: bool
    iterates: bool
    spelled: tuple[str, str]


class Inclusion:
    def __init__(self, owners: Owners) -> None:
        self._owners = owners

    def wanted(self, type_name: str, pair: tuple[str, str]) -> Wanted | None:
        """What an `_include` or `_revinclude` asks for; None of any other parameter. Refused when it makes no sense."""
        name, value = pair
        return _wanted(type_name, name, value) if name.partition(":")[0] in ("_include", "_revinclude") else None

    def owners_of(self, wanted: Wanted) -> set[str]:
        """Who holds what it brings along; empty when nobody does."""
        return {owner for each in _types(wanted) if (owner := self._owners.owner_of(each)) is not None}

    async def bring(
        self, bundle: dict[str, Any], foreign: Sequence[Wanted], bearer: str, *, past: str | None = None
    ) -> None:
        """Adds to a searchset what its matches lead to at other owners, as of the instant that `_asOf` said."""
        then = [(AS_OF, past)] if past is not None else []
        entries: list[dict[str, Any]] = bundle.setdefault("entry", [])
        held = {_name(each["resource"]) for each in entries}
        fresh = [each["resource"] for each in entries if each.get("search", {}).get("mode") != "outcome"]
        for turn in range(ROUNDS_MAX):
            wanted = [each for each in foreign if turn == 0 or each.iterates]
            found = await self._round(fresh, wanted, held, bearer, then)
            fresh = [each["resource"] for each in found]
            held |= {_name(resource) for resource in fresh}
            entries += [{**each, "search": {"mode": "include"}} for each in found]
            if not fresh or not any(each.iterates for each in foreign):
                break
        if not entries:
            del bundle["entry"]

    async def _by_form(self, owner: str, type_name: str, query: str, bearer: str) -> Answer:
        return await self._owners.request(
            owner,
            "POST",
            f"{type_name}/_search",
            bearer=bearer,
            body=query.encode(),
            headers=[("content-type", "application/x-www-form-urlencoded")],
        )

    async def _round(
        self,
        resources: Sequence[dict[str, Any]],
        wanted: Iterable[Wanted],
        held: set[str],
        bearer: str,
        then: list[Pair],
    ) -> list[dict[str, Any]]:
        forward: dict[str, set[str]] = {}
        searches = []
        for each in wanted:
            if each.reverse:
                searches += self._reversed(each, resources, bearer, then)
            else:
                for target in self._pointed_at(each, resources) - held:
                    forward.setdefault(target.partition("/")[0], set()).add(target.partition("/")[2])
        if sum(map(len, forward.values())) > INCLUDED_MAX:
            raise _too_costly()
        for type_name, ids in forward.items():
            for chunk in _chunks(sorted(ids)):
                searches.append(self._all(type_name, [("_id", ",".join(chunk)), *then], bearer))
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

    def _reversed(
        self, wanted: Wanted, resources: Iterable[dict[str, Any]], bearer: str, then: list[Pair]
    ) -> list[Any]:
        parameter = definitions().search_parameters(wanted.source)[wanted.parameter]
        names = sorted(
            _name(resource)
            for resource in resources
            if resource["resourceType"] in parameter.targets and wanted.target in (None, resource["resourceType"])
        )
        return [
            self._all(wanted.source, [(wanted.parameter, ",".join(chunk)), *then], bearer)
            for chunk in _chunks(names)
            if chunk
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


def may_include(text: str) -> bool:
    """Whether a query might bring anything along: cheap, and rather too often than too seldom."""
    return "include" in text or "%" in text


def _types(wanted: Wanted) -> set[str]:
    """The types this brings along."""
    if wanted.reverse:
        return {wanted.source}
    if wanted.target is not None:
        return {wanted.target}
    targets = {target for each in _parameters(wanted) for target in each.targets}
    # A parameter that may point at anything may point at everything that somebody owns.
    return targets if targets and "Resource" not in targets else {"Patient", "Encounter"}


def _parameters(wanted: Wanted) -> list[SearchParameter]:
    known = definitions().search_parameters(wanted.source)
    chosen = known.values() if wanted.parameter == "*" else [known[wanted.parameter]]
    return [each for each in chosen if each.type == "reference" and each.expression]


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
