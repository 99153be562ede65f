"""Turning what a transaction says by criteria or by fullUrl into `Type/id`."""

from collections.abc import Mapping, Sequence
from typing import Any

from bedside.events.database import Connection
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.search.asked import Facility
from bedside.fhir.search.purview import Purview
from bedside.fhir.store import conditions, current
from bedside.fhir.store.draft import Draft, Mention, Written
from bedside.fhir.store.links import links
from bedside.fhir.store.references import beside, conditional, local, path_of

Matched = dict[int, Written]


async def matched(connection: Connection, drafts: Sequence[Draft], facility: Facility) -> Matched:
    """Conditional creates whose resource is there already, by the identity of the draft."""
    found: Matched = {}
    for draft in drafts:
        if draft.if_none_exist is None:
            continue
        ids = await conditions.matches(
            connection,
            (draft.type_name, draft.if_none_exist),
            at=draft.request_at,
            purview=draft.purview,
            facility=facility,
        )
        if len(ids) > 1:
            raise Refused(412, [Issue("multiple-matches", "the criteria match several resources", draft.request_at)])
        if ids:
            version = await current.read(connection, draft.type_name, ids[0])
            assert version is not None, "a search only finds what has a current version"
            found[id(draft)] = Written(200, draft.type_name, ids[0], version.version, version.updated, version.body)
    return found


async def rewrite(
    connection: Connection, drafts: Sequence[Draft], found: Matched, *, types: frozenset[str], facility: Facility
) -> None:
    """References to entries and by criteria become `Type/id`; those to our own base become relative.

    Refused with every reference that leads to none, or to several.
    """
    entries = _by_full_url(drafts, found)
    writing = [draft for draft in drafts if id(draft) not in found]
    resolver = _Resolver(connection, writing, types, facility)
    wrong: list[Issue] = []
    for draft in writing:
        for mention in draft.references:
            try:
                mention.holder["reference"] = await _rewritten(mention, draft, entries, resolver)
            except Refused as refused:
                place = path_of(draft.resource or {}, mention.holder, draft.resource_at)
                wrong += [Issue(issue.code, issue.text, place) for issue in refused.issues]
        if entries and draft.resource is not None:
            _relink(draft, draft.resource, entries)
    if wrong:
        raise Refused(412 if any(issue.code == "multiple-matches" for issue in wrong) else 422, wrong)


def _by_full_url(drafts: Sequence[Draft], found: Matched) -> dict[str, str]:
    return {
        draft.full_url: f"{draft.type_name}/{found[id(draft)].id if id(draft) in found else draft.id}"
        for draft in drafts
        if draft.full_url is not None
    }


def _relink(draft: Draft, resource: dict[str, Any], entries: Mapping[str, str]) -> None:
    if draft.links is None or draft.patch is not None:
        draft.links = links(resource, entries)
    for link in draft.links:
        link.point(entries.get)


async def _rewritten(mention: Mention, draft: Draft, entries: Mapping[str, str], resolver: "_Resolver") -> str:
    text = mention.sent
    if text in entries:
        return entries[text]
    absolute = beside(draft.full_url, text)
    if absolute is not None and absolute in entries:
        return entries[absolute]
    below = text.removeprefix(f"{resolver.facility.base_url}/")
    if below != text and local(below) is not None:
        return below
    if conditional(text) is not None:
        return await resolver.resolved(text, draft)
    return text


class _Resolver:
    """Conditional references, each searched for once."""

    def __init__(
        self, connection: Connection, writing: Sequence[Draft], types: frozenset[str], facility: Facility
    ) -> None:
        self.facility = facility
        self._connection = connection
        self._writing = writing
        self._types = types
        self._known: dict[tuple[str, Purview], str] = {}

    async def resolved(self, text: str, draft: Draft) -> str:
        key = (text, draft.purview)
        if key not in self._known:
            self._known[key] = await self._searched(text, draft)
        return self._known[key]

    async def _searched(self, text: str, draft: Draft) -> str:
        criteria = conditional(text)
        assert criteria is not None, "only conditional references are resolved"
        if criteria.type_name not in self._types:
            raise Refused(422, [Issue("not-found", "another service would have to resolve this conditional reference")])
        ids = await conditions.matches(
            self._connection, criteria, at=draft.request_at, purview=draft.purview, facility=self.facility
        )
        ids = ids or conditions.among(self._writing, criteria)
        if len(ids) == 1:
            return f"{criteria.type_name}/{ids[0]}"
        if ids:
            raise Refused(412, [Issue("multiple-matches", "the conditional reference matches several resources")])
        raise Refused(422, [Issue("not-found", "the conditional reference matches no resource")])
