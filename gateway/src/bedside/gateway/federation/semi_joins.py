"""Chains and `_has` whose links lead to another owner.

Each inner search runs where its type lives, and the ids it finds take its place in the outer one.

https://hl7.org/fhir/R4/search.html#chaining
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bedside.fhir.definitions import definitions
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.search import chains
from bedside.fhir.search.asked import VALUES_MAX
from bedside.fhir.search.parameters import parameters
from bedside.fhir.search.spelling import shown
from bedside.gateway.federation.door import forbidden, permitted
from bedside.gateway.owners import Answer, Owners
from bedside.identity import Caller

# So many ids are handed from one owner to the next; no parameter takes more values.
IDS_MAX = VALUES_MAX
Pair = tuple[str, str]


class OwnerRefused(Exception):
    """An owner did not carry out a part of the search; its answer says why and goes to the caller as it is."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"refused with status {answer.status}")
        self.answer = answer


@dataclass(slots=True)
class Asking:
    """Who asks, and which state of each owner is looked at: by owner, filled in by the first search there.

    `past` is what `_asOf` said, if it was given.
    """

    caller: Caller
    bearer: str = field(repr=False)
    headers: Sequence[tuple[str, str]] = ()
    snapshots: dict[str, int] = field(default_factory=dict)
    past: str | None = None


class _Search(NamedTuple):
    """Of `type_name` by one pair. With `by`: not these, but the `target`s that they refer to by it."""

    type_name: str
    pair: Pair
    target: str
    by: str | None = None

    def as_json(self) -> dict[str, Any]:
        said: dict[str, Any] = {"type": self.type_name, "criteria": [list(self.pair)]}
        return said if self.by is None else {**said, "referred": {"by": self.by, "target": self.target}}


class SemiJoins:
    def __init__(self, owners: Owners) -> None:
        self._owners = owners

    def crosses(self, type_name: str, name: str) -> bool:
        """Whether the parameter leads to another owner. What makes no sense does not: its owner will say so."""
        try:
            return _links(name) <= chains.LINKS_MAX and self._crosses(type_name, name)
        except (Refused, KeyError):
            return False

    async def joined(self, type_name: str, pair: Pair, asking: Asking) -> Pair | None:
        """The pair that means the same to the owner of the type; None when nothing can match.

        Raises Refused, OwnerRefused, or Unreachable: a search without one of its criteria would find too much.
        """
        return await self._joined(type_name, *pair, asking, spelled=pair[0])

    def _crosses(self, type_name: str, name: str) -> bool:
        name, owner = _unlisted(name), self._owners.owner_of(type_name)
        if "." not in name and not name.startswith("_has:"):
            return False
        if name.startswith("_has:"):
            source, by, rest = _taken_apart(name)
            if type_name not in parameters(source)[by].targets or self._owners.owner_of(source) is None:
                return False
            return self._owners.owner_of(source) != owner or self._crosses(source, rest)
        _, able, rest = self._led_to(type_name, name)
        return any(self._owners.owner_of(each) != owner or self._crosses(each, rest) for each in able)

    def _led_to(self, type_name: str, name: str) -> tuple[str, list[str], str]:
        """The parameter's code, the owned types that the first link may lead to, and what is asked of them."""
        link, _, rest = name.partition(".")
        code, _, wanted = link.partition(":")
        able = chains.targets(parameters(type_name)[code], wanted, rest)
        return code, [each for each in able if self._owners.owner_of(each) is not None], rest

    async def _joined(self, type_name: str, name: str, value: str, asking: Asking, *, spelled: str) -> Pair | None:
        if not self.crosses(type_name, name):
            return name, value
        name = _unlisted(name)
        if name.startswith("_has:"):
            return await self._referring(type_name, name, value, asking, spelled=spelled)
        return await self._referred(type_name, name, value, asking, spelled=spelled)

    async def _referring(self, type_name: str, name: str, value: str, asking: Asking, *, spelled: str) -> Pair | None:
        source, by, rest = _taken_apart(name)
        inner = await self._joined(source, rest, value, asking, spelled=spelled)
        if inner is None:
            return None
        if self._owners.owner_of(source) == self._owners.owner_of(type_name):
            return f"_has:{source}:{by}:{inner[0]}", inner[1]
        found = await self._found([_Search(source, inner, type_name, by)], asking, spelled=spelled)
        return ("_id", ",".join(id for _, id in found)) if found else None

    async def _referred(self, type_name: str, name: str, value: str, asking: Asking, *, spelled: str) -> Pair | None:
        code, able, rest = self._led_to(type_name, name)
        allowed = [each for each in able if permitted(asking.caller, "GET", each, "")]
        if not allowed:
            raise Refused(403, [forbidden(able[0])])
        inner = {each: await self._joined(each, rest, value, asking, spelled=spelled) for each in allowed}
        searches = [_Search(each, pair, each) for each, pair in inner.items() if pair is not None]
        if not searches:
            return None
        first = searches[0]
        if len(able) == 1 and self._owners.owner_of(first.type_name) == self._owners.owner_of(type_name):
            return f"{code}:{first.type_name}.{first.pair[0]}", first.pair[1]
        found = await self._found(searches, asking, spelled=spelled)
        return (code, ",".join(f"{target}/{id}" for target, id in found)) if found else None

    async def _found(self, searches: Sequence[_Search], asking: Asking, *, spelled: str) -> list[tuple[str, str]]:
        """(type, id) of all they find, sorted, so that the same set is always written the same way."""
        by_owner: dict[str, list[_Search]] = {}
        for search in searches:
            owner = self._owners.owner_of(search.type_name)
            assert owner is not None, "only owned types are searched"
            by_owner.setdefault(owner, []).append(search)
        found: set[tuple[str, str]] = set()
        for owner, group in by_owner.items():
            for search, told in zip(group, await self._asked(owner, group, asking), strict=True):
                found |= {(search.target, id) for id in told["ids"]}
                if not told["complete"] or len(found) > IDS_MAX:
                    raise _too_costly(spelled)
        return sorted(found)

    async def _asked(self, owner: str, searches: Sequence[_Search], asking: Asking) -> list[dict[str, Any]]:
        question: dict[str, Any] = {"searches": [each.as_json() for each in searches]}
        if owner in asking.snapshots:
            question["snapshot"] = asking.snapshots[owner]
        elif asking.past is not None:
            question["asOf"] = asking.past
        answer = await self._owners.internally(
            owner, "matching", question, bearer=asking.bearer, headers=asking.headers
        )
        if not answer.ok:
            raise OwnerRefused(answer)
        told = answer.json()
        asking.snapshots[owner] = told["snapshot"]
        found: list[dict[str, Any]] = told["found"]
        return found


def may_join(text: str) -> bool:
    """Whether a query might hold a chain: cheap, and rather too often than too seldom."""
    return "." in text or "_has" in text or "_list" in text or "%" in text


def _unlisted(name: str) -> str:
    """`_list` is by its definition what a List has among its items: https://hl7.org/fhir/R4/search.html#list"""
    return "_has:List:item:_id" if name == "_list" else name


def _links(name: str) -> int:
    return name.count(".") + name.count("_has:")


def _taken_apart(name: str) -> tuple[str, str, str]:
    """Source, parameter and rest of `_has:Observation:patient:code`; KeyError when it is not like that."""
    parts = name.split(":", 3)
    if len(parts) != 4 or parts[1] not in definitions().resource_type_set:
        raise KeyError(name)
    return parts[1], parts[2], parts[3]


def _too_costly(name: str) -> Refused:
    text = f"Parameter {shown(name)} finds more than {IDS_MAX} resources of another service: narrow it."
    return Refused(400, [Issue("too-costly", text)])
