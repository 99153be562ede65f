"""A transaction: every entry, or none. https://hl7.org/fhir/R4/http.html#trules"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from bedside.events.database import Connection
from bedside.fhir.bundles.answers import add_written
from bedside.fhir.bundles.entries import Entry, draft_of, entry_of
from bedside.fhir.bundles.reads import add_read
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.rest.engine import Engine
from bedside.fhir.rest.splicing import Bundle
from bedside.fhir.store import conditions
from bedside.fhir.store.draft import Author, Draft, Written
from bedside.fhir.store.preparing import prepare
from bedside.identity import Caller

# DELETE, POST, PUT and PATCH; reads come after all writes, whatever their place.
_ORDER = {"delete": 0, "create": 1, "update": 2, "patch": 2}


async def transaction(
    engine: Engine, caller: Caller, author: Author, raw: Sequence[dict[str, Any]], *, wish: str | None, handling: str
) -> bytes:
    """The response Bundle, in the order of the request. Refused with all problems of all entries at once."""
    entries, drafts = _understood(engine, caller, raw)
    ordered = sorted(drafts.values(), key=lambda draft: _ORDER[draft.kind])
    answers: list[Bundle] = []

    async def then(connection: Connection, written: list[Written]) -> None:
        by_place = {draft.at: one for draft, one in zip(ordered, written, strict=True)}
        bundle = Bundle("transaction-response")
        for entry in entries:
            if entry.writes:
                add_written(bundle, by_place[entry.at], base_url=engine.base_url, wish=wish)
            else:
                await add_read(bundle, connection, engine, caller, entry, handling=handling)
        answers[:] = [bundle]

    await engine.store.commit(ordered, author, then)
    return answers[0].bytes()


def _understood(engine: Engine, caller: Caller, raw: Sequence[dict[str, Any]]) -> tuple[list[Entry], dict[str, Draft]]:
    refusals: list[Refused] = []
    entries: list[Entry] = []
    drafts: dict[str, Draft] = {}
    for index, one in enumerate(raw):
        try:
            entry = entry_of(one, index, base_url=engine.base_url, types=engine.service.types)
            entries.append(entry)
            if entry.writes:
                drafts[entry.at] = draft_of(entry, caller, linked=True)
        except Refused as refused:
            refusals.append(refused)
    refusals += _twice(drafts)
    try:
        prepare(engine.service, list(drafts.values()))
    except Refused as refused:
        refusals.append(refused)
    if refusals:
        # One answer for many problems: what FHIR itself forbids outranks what we forbid.
        statuses = {refused.status for refused in refusals}
        status = next(s for s in (403, 400, 404, 412, 422, *statuses) if s in statuses)
        raise Refused(400 if status == 404 else status, [issue for refused in refusals for issue in refused.issues])
    return entries, drafts


def _twice(drafts: dict[str, Draft]) -> list[Refused]:
    """The same identity in two entries; a full URL counts, and so do the criteria of two conditional entries."""
    identities = {
        at: [
            *([draft.key] if draft.kind != "create" and draft.criteria is None else []),
            *(conditions.identity((draft.type_name, text)) for text in _criteria(draft)),
            *([draft.full_url] if draft.full_url else []),
        ]
        for at, draft in drafts.items()
    }
    counts = Counter(identity for own in identities.values() for identity in own)
    issues = [
        Issue("duplicate", "another entry has the same identity", at)
        for at, own in identities.items()
        if any(counts[identity] > 1 for identity in own)
    ]
    return [Refused(400, issues)] if issues else []


def _criteria(draft: Draft) -> list[str]:
    return [text for text in (draft.criteria, draft.if_none_exist) if text is not None]
