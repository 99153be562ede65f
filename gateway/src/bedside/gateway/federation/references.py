"""References between the entries of a transaction, whoever owns their ends."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bedside.fhir.outcome import Issue
from bedside.fhir.store.links import links as links_of
from bedside.fhir.store.references import beside, conditional, mentions, path_of
from bedside.gateway.federation.entries import Entry


@dataclass(slots=True)
class Links:
    """What one entry's resource refers to: the References, which can be changed, with what stands there now."""

    entry: Entry
    references: list[tuple[dict[str, Any], str]] = field(default_factory=list)


def links(entry: Entry) -> Links:
    resource = entry.resource
    found = mentions(resource) if isinstance(resource, dict) else []
    return Links(entry, [(mention.holder, mention.sent) for mention in found])


class Identities:
    """Which resource each fullUrl of the transaction becomes: `Patient/<id>`, or not known before its owner answers."""

    def __init__(self) -> None:
        self._known: dict[str, str | None] = {}

    def name(self, full_url: str | None, becomes: str | None) -> None:
        if full_url:
            self._known[full_url] = becomes

    @property
    def full_urls(self) -> Collection[str]:
        return self._known.keys()

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
        absolute = beside(entry.full_url, text)
        return absolute if absolute in self._known else None


def rewritten(found: Links, identities: Identities) -> None:
    """Points everything at the identities known by now; what is not of this transaction stays as it is."""
    for holder, text in found.references:
        named = identities.target(found.entry, text)
        becomes = identities.of(named) if named is not None else None
        if becomes is not None:
            holder["reference"] = becomes
    if isinstance(found.entry.resource, dict):
        for link in links_of(found.entry.resource, identities.full_urls):
            link.point(identities.of)


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
