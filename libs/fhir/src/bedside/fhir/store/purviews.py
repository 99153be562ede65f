"""That a write stays within the caller's purview: what is there before it, and what is there then."""

import re
from collections.abc import Collection, Mapping, Sequence

from bedside.events.database import Connection
from bedside.fhir.existence.peers import Existence, Unheard
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.search.criteria import Statement
from bedside.fhir.search.purview import Letter, Purview
from bedside.fhir.store import current
from bedside.fhir.store.draft import Draft
from bedside.fhir.store.numbers import numbers_table
from bedside.fhir.store.references import known as known_key

_SEEING: tuple[Letter, ...] = ("r", "s")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


async def refuse_strangers(
    connection: Connection, writing: Sequence[Draft], before: Mapping[str, current.Version]
) -> None:
    """What is outside the caller's purview answers as what never was (404); what may only be read is forbidden (403).

    So whoever may write portions only chooses no id: that it is free, or taken, would tell who else is there.
    """
    for draft in writing:
        if draft.kind == "patch":
            await _refuse_blind(connection, draft, before.get(draft.key))
        if not draft.is_bounded or draft.kind == "create":
            continue
        if draft.create_only and not _UUID.fullmatch(draft.id):
            text = "no granted scope permits to choose an id here; use POST"
            raise Refused(403, [Issue("forbidden", text, draft.request_at)])
        version = before.get(draft.key)
        if version is None:
            # Where nothing matched the criteria, the id is new and ours.
            is_ours = draft.kind == "update" and draft.criteria is not None and draft.sent_id is None
            if not draft.create_only and not is_ours:
                raise _absent(draft)
        elif not await _is_within(connection, draft, draft.letter, version):
            if version.deleted or not await _is_within(connection, draft, "r", version):
                raise _absent(draft)
            text = "no granted scope permits to write this resource"
            raise Refused(403, [Issue("forbidden", text, draft.request_at)])


async def _refuse_blind(connection: Connection, draft: Draft, version: current.Version | None) -> None:
    # Whether a patch fits, and what it makes, tells what is there.
    if not draft.purview.permits("r", draft.type_name):
        text = f"a patch reads what it changes, and no granted scope permits to read {draft.type_name}"
        raise Refused(403, [Issue("forbidden", text, draft.request_at)])
    if version is not None and not await _is_within(connection, draft, "r", version):
        raise _absent(draft)


def _absent(draft: Draft) -> Refused:
    return Refused(404, [Issue("not-found", "there is no such resource", draft.at or None)])


async def _is_within(connection: Connection, draft: Draft, letter: Letter, version: current.Version) -> bool:
    return await current.is_within(connection, draft.purview, letter, draft.type_name, version)


async def unseen(
    connection: Connection,
    drafts: Sequence[Draft],
    numbers: Mapping[str, current.Known],
    heard: Mapping[str, Existence],
    *,
    owned: Collection[str],
    ask: bool,
) -> frozenset[str]:
    """The `Type/id`s that bounded drafts refer to and whose existence is no business of their author.

    Raises Unheard when their owner has to be asked first whom they concern.
    """
    written = {draft.key for draft in drafts if draft.kind != "delete"}
    hidden: set[str] = set()
    unheard: set[str] = set()
    for draft in drafts:
        if not draft.is_bounded:
            continue
        named = {key for mention in draft.references if (key := known_key(mention)) is not None}
        for key in named - written:
            type_name = key.partition("/")[0]
            if key == f"Patient/{draft.patient}" or any(draft.purview.is_whole(each, type_name) for each in _SEEING):
                continue
            if not any(draft.purview.permits(each, type_name) for each in _SEEING):
                seen = draft.patient is None
            elif type_name in owned:
                seen = await _is_seen(connection, draft, type_name, numbers.get(key))
            elif draft.patient is not None and type_name != "Patient" and ask and key not in heard:
                unheard.add(key)
                continue
            else:
                seen = key in heard and draft.patient in heard[key].patients
            if not seen:
                hidden.add(key)
    if unheard:
        raise Unheard(unheard)
    return frozenset(hidden)


async def _is_seen(connection: Connection, draft: Draft, type_name: str, known: current.Known | None) -> bool:
    if known is None or known.vid is None:
        return False
    for letter in _SEEING:
        if await _within(connection, draft.purview, letter, type_name, [known.vid]):
            return True
    return False


async def refuse_outside(connection: Connection, stored: Sequence[tuple[Draft, int, Collection[str]]]) -> None:
    """Refused with 403 unless each new version (draft, its number, the patients it concerns) is the caller's to write.

    An app of one patient writes about that patient, and about nobody else.
    """
    bounded = [each for each in stored if each[0].is_bounded]
    if not bounded:
        return
    alike: dict[tuple[Purview, Letter, str], list[int]] = {}
    for draft, vid, _ in bounded:
        alike.setdefault((draft.purview, draft.letter, draft.type_name), []).append(vid)
    within: set[int] = set()
    for (purview, letter, type_name), vids in alike.items():
        within |= await _within(connection, purview, letter, type_name, vids)
    wrong = [
        Issue("forbidden", "no granted scope permits to write this content", draft.resource_at)
        for draft, vid, patients in bounded
        if vid not in within or _concerns_others(draft, patients)
    ]
    if wrong:
        raise Refused(403, wrong)


def _concerns_others(draft: Draft, patients: Collection[str]) -> bool:
    return draft.patient is not None and any(other != draft.patient for other in patients)


async def _within(
    connection: Connection, purview: Purview, letter: Letter, type_name: str, vids: Collection[int]
) -> set[int]:
    table, argument = numbers_table(connection, vids)
    statement = Statement(connection.dialect, snapshot=None, purview=purview)
    # The table of numbers is $1.
    statement.bind(argument)
    said = statement.within("v", type_name, letter)
    rows = await connection.fetch(
        f"SELECT v.vid FROM {table} JOIN version v ON v.vid = k.n WHERE {said}", *statement.arguments
    )
    return {row[0] for row in rows}
