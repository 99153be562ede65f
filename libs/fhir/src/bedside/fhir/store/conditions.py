"""Criteria instead of an id: conditional creates and conditional references, resolved inside the transaction."""

from collections.abc import Iterable
from urllib.parse import parse_qsl, unquote_plus, urlencode

from bedside.events.database import Connection
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.search import query
from bedside.fhir.search.asked import Facility
from bedside.fhir.search.purview import Purview
from bedside.fhir.search.running import run
from bedside.fhir.store import locks, references
from bedside.fhir.store.draft import Draft

Criteria = tuple[str, str]


def wanted(drafts: Iterable[Draft]) -> set[Criteria]:
    """(type, query) of everything in these drafts that is to be found by searching."""
    found: set[Criteria] = set()
    for draft in drafts:
        if draft.if_none_exist is not None:
            found.add((draft.type_name, draft.if_none_exist))
        if draft.criteria is not None:
            found.add((draft.type_name, draft.criteria))
        for mention in draft.references:
            conditional = references.conditional(mention.sent)
            if conditional is not None:
                found.add((conditional.type_name, conditional.criteria))
    return found


async def matches(
    connection: Connection, criteria: Criteria, *, at: str, purview: Purview, facility: Facility
) -> list[str]:
    """The ids that match, at most two: one more than may."""
    type_name, text = criteria
    pairs = parse_qsl(text.lstrip("?"), keep_blank_values=True)
    if not any(value for name, value in pairs if not name.startswith("_") or name == "_id"):
        raise Refused(412, [Issue("multiple-matches", "the criteria select nothing in particular", at)])
    if any(name in ("_count", "_sort", "_include", "_revinclude") for name, _ in pairs):
        raise Refused(400, [Issue("invalid", "criteria select resources; they do not shape results", at)])
    try:
        parsed = query.parse(type_name, [*pairs, ("_count", "2")], facility=facility)
    except Refused as refused:
        raise Refused(refused.status, [Issue(issue.code, issue.text, at) for issue in refused.issues]) from refused
    if not purview.permits("s", type_name):
        raise Refused(403, [Issue("forbidden", f"no granted scope permits to search {type_name}", at)])
    page = await run(connection, parsed, purview=purview, snapshot=None)
    return [match.id for match in page.matches]


def identity(criteria: Criteria) -> str:
    """The same for every spelling of the same criteria."""
    type_name, text = criteria
    return f"{type_name}?{urlencode(sorted(parse_qsl(text.lstrip('?'), keep_blank_values=True)))}"


def among(drafts: Iterable[Draft], criteria: Criteria) -> list[str]:
    """The ids of those drafts that bear the one identifier that the criteria ask for."""
    type_name, text = criteria
    name, _, value = text.partition("=")
    if name != "identifier" or "&" in value or "," in value:
        return []
    system, bar, code = unquote_plus(value).rpartition("|")
    return [
        draft.id
        for draft in drafts
        if draft.type_name == type_name and draft.resource is not None and draft.kind != "delete"
        for own_system, own_value in locks.identifiers(draft.resource)
        if own_value == code and (not bar or own_system == system)
    ]
