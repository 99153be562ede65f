"""References between the entries of a transaction, whoever owns their ends."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bedside.fhir.outcome import Issue
from bedside.fhir.store.references import conditional, local, path_of
from bedside.gateway.federation.entries import Entry

_LINK_IN_NARRATIVE = re.compile(r'((?:href|src)\s*=\s*")([^"]*)(")')
# Elements of type url, uri, uuid and oid that may point at an entry. Canonicals stay as they are:
# https://hl7.org/fhir/R4/http.html#transaction
_LINK_NAMES = frozenset({"url", "uri", "valueUri", "valueUrl", "valueUuid", "valueOid", "instantiatesUri", "sourceUri"})
_BASE = re.compile(r"(.*/)[A-Z][A-Za-z]{1,63}/[A-Za-z0-9\-.]{1,64}", re.ASCII | re.DOTALL)


@dataclass(slots=True)
class Links:
    """What one entry's resource points at: places that can be changed, with what stands there now."""

    entry: Entry
    references: list[tuple[dict[str, Any], str]] = field(default_factory=list)
    uris: list[tuple[dict[str, Any], str]] = field(default_factory=list)
    narratives: list[dict[str, Any]] = field(default_factory=list)


def links(entry: Entry) -> Links:
    found = Links(entry)
    resource = entry.resource
    waiting: list[Any] = [resource] if isinstance(resource, dict) else []
    while waiting:
        node = waiting.pop()
        if type(node) is list:
            waiting.extend([child for child in node if type(child) is dict or type(child) is list])
            continue
        for name, child in node.items():
            kind = type(child)
            if kind is dict or kind is list:
                waiting.append(child)
            elif kind is str:
                if name == "reference":
                    found.references.append((node, child))
                elif name in _LINK_NAMES:
                    found.uris.append((node, name))
                elif name == "div" and "urn:" in child:
                    found.narratives.append(node)
    return found


class Identities:
    """Which resource each fullUrl of the transaction becomes: `Patient/<id>`, or not known before its owner answers."""

    def __init__(self) -> None:
        self._known: dict[str, str | None] = {}

    def name(self, full_url: str | None, becomes: str | None) -> None:
        if full_url:
            self._known[full_url] = becomes

    def holds(self, text: str) -> bool:
        return text in self._known

    def of(self, text: str) -> str | None:
        return self._known.get(text)

    def target(self, entry: Entry, text: str) -> str | None:
        """The fullUrl that a reference of this entry means, if it is one of the transaction's.

        A relative reference is read against the entry's own fullUrl:
        https://hl7.org/fhir/R4/bundle.html#references
        """
        if text in self._known:
            return text
        named = local(text)
        if named is None:
            return None
        base = _BASE.fullmatch(entry.full_url or "")
        absolute = f"{base[1]}{named}" if base else named
        return absolute if absolute in self._known else None


def rewritten(found: Links, identities: Identities) -> None:
    """Points everything at the identities known by now; what is not of this transaction stays as it is."""
    for holder, text in found.references:
        named = identities.target(found.entry, text)
        becomes = identities.of(named) if named is not None else None
        if becomes is not None:
            holder["reference"] = becomes
    for holder, name in found.uris:
        becomes = identities.of(holder[name])
        if becomes is not None:
            holder[name] = becomes

    def replaced(match: re.Match[str]) -> str:
        return f"{match[1]}{identities.of(match[2]) or match[2]}{match[3]}"

    for holder in found.narratives:
        holder["div"] = _LINK_IN_NARRATIVE.sub(replaced, holder["div"])


def dangling(found: Iterable[Links], identities: Identities) -> list[Issue]:
    """References by `urn:` to an entry that is not there."""
    return [
        Issue("not-found", "No entry of this transaction has that fullUrl.", place(each.entry, holder))
        for each in found
        for holder, text in each.references
        if text.startswith("urn:") and not identities.holds(text)
    ]


def conditionals(found: Iterable[Links]) -> Iterator[tuple[Entry, dict[str, Any], str, str]]:
    """Each `Practitioner?identifier=…`: the entry, the Reference, the type and the criteria."""
    for each in found:
        for holder, text in each.references:
            if "?" in text and (asked := conditional(text)) is not None:
                yield each.entry, holder, asked.type_name, asked.criteria


def replace(found: Iterable[Links], answers: Mapping[str, str]) -> None:
    """Puts what a conditional reference was found to mean in its place."""
    for each in found:
        for holder, text in each.references:
            if text in answers:
                holder["reference"] = answers[text]


def place(entry: Entry, holder: dict[str, Any]) -> str:
    """Where the Reference stands. Only walked to explain a refusal."""
    assert entry.resource is not None, "only a resource holds references"
    return path_of(entry.resource, holder, f"{entry.place}.resource")
