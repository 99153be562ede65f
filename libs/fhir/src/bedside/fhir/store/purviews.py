"""That a write stays within the caller's purview: what is there before it, and what is there then."""

from collections.abc import Collection, Mapping, Sequence

from bedside.events.database import Connection
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.search.criteria import Statement
from bedside.fhir.search.purview import Letter, Purview
from bedside.fhir.store import current
from bedside.fhir.store.draft import Draft
from bedside.fhir.store.numbers import numbers_table


async def refuse_strangers(
    connection: Connection, writing: Sequence[Draft], before: Mapping[str, current.Version]
) -> None:
    """What is outside the caller's purview is not there (404); what may be read, but not so written, is forbidden."""
    for draft in writing:
        if draft.purview.is_whole(draft.letter, draft.type_name):
            continue
        version = before.get(draft.key)
        if version is None or await current.is_within(
            connection, draft.purview, draft.letter, draft.type_name, version
        ):
            continue
        if not version.deleted and await current.is_within(connection, draft.purview, "r", draft.type_name, version):
            raise Refused(
                403, [Issue("forbidden", "no granted scope permits to write this resource", draft.request_at)]
            )
        raise Refused(404, [Issue("not-found", "there is no such resource", draft.at or None)])


async def refuse_outside(connection: Connection, stored: Sequence[tuple[Draft, int, Collection[str]]]) -> None:
    """Refused with 403 unless each new version (draft, its number, the patients it concerns) is the caller's to write.

    An app of one patient writes about that patient, and about nobody else.
    """
    bounded = [each for each in stored if not each[0].purview.is_whole(each[0].letter, each[0].type_name)]
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
    patient = draft.purview.patient(draft.letter, draft.type_name)
    return patient is not None and any(other != patient for other in patients)


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
