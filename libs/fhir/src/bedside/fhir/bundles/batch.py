"""A batch: every entry by itself, each with its own status. https://hl7.org/fhir/R4/http.html#brules"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import unquote_plus

from bedside.events.database import Busy
from bedside.fhir.bundles.answers import add_refused, add_written
from bedside.fhir.bundles.entries import Entry, draft_of, entry_of
from bedside.fhir.bundles.reads import add_read
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.rest.engine import Engine
from bedside.fhir.rest.splicing import Bundle
from bedside.fhir.store import locks
from bedside.fhir.store.draft import Author, Draft, Written
from bedside.fhir.store.preparing import prepare
from bedside.identity import Caller

_TOGETHER_MAX = 100
_BUSY = Refused(503, [Issue("lock-error", "others were writing the same resources; try again")])


async def batch(
    engine: Engine, caller: Caller, author: Author, raw: Sequence[dict[str, Any]], *, wish: str | None, handling: str
) -> bytes:
    """The response Bundle, in the order of the request. Never refused as a whole."""
    answers: list[Entry | Draft | Refused] = [_understood(engine, caller, one, n) for n, one in enumerate(raw)]
    drafts = [answer for answer in answers if isinstance(answer, Draft)]
    written: dict[str, Written | Refused] = {}
    for start in range(0, len(drafts), _TOGETHER_MAX):
        written |= await _written(engine, author, drafts[start : start + _TOGETHER_MAX])
    bundle = Bundle("batch-response")
    for answer in answers:
        result = written[answer.at] if isinstance(answer, Draft) else answer
        if isinstance(result, Written):
            add_written(bundle, result, base_url=engine.base_url, wish=wish)
        elif isinstance(result, Refused):
            add_refused(bundle, result)
        else:
            await _add_read(bundle, engine, caller, result, handling=handling)
    return bundle.bytes()


async def _add_read(bundle: Bundle, engine: Engine, caller: Caller, entry: Entry, *, handling: str) -> None:
    try:
        await add_read(bundle, engine.store.database, engine, caller, entry, handling=handling)
    except Refused as refused:
        add_refused(bundle, refused)


def _understood(engine: Engine, caller: Caller, raw: dict[str, Any], index: int) -> Entry | Draft | Refused:
    try:
        entry = entry_of(raw, index, base_url=engine.base_url, types=engine.service.types)
        if not entry.writes:
            return entry
        draft = draft_of(entry, caller, linked=False)
        prepare(engine.service, [draft])
    except Refused as refused:
        return refused
    return draft


async def _written(engine: Engine, author: Author, drafts: list[Draft]) -> dict[str, Written | Refused]:
    """Entries that cannot influence one another share a commit; when that is refused, each is tried by itself."""
    if len(drafts) > 1 and not any(draft.criteria is not None for draft in drafts) and not _entangled(drafts):
        try:
            return {d.at: w for d, w in zip(drafts, await engine.store.commit(drafts, author), strict=True)}
        except (Refused, Busy):
            pass
    alone: dict[str, Written | Refused] = {}
    for draft in drafts:
        try:
            (alone[draft.at],) = await engine.store.commit([draft], author)
        except Refused as refused:
            alone[draft.at] = refused
        except Busy:
            alone[draft.at] = _BUSY
    return alone


def _entangled(drafts: Sequence[Draft]) -> bool:
    counts = Counter(mark for draft in drafts for mark in set(_marks(draft)))
    return any(count > 1 for count in counts.values())


def _marks(draft: Draft) -> Iterator[str]:
    if draft.kind != "create":
        yield draft.key
    for _, value in locks.identifiers(draft.resource or {}):
        yield f"{draft.type_name}?identifier={value}"
    if draft.if_none_exist is not None:
        name, _, value = unquote_plus(draft.if_none_exist).partition("=")
        yield f"{draft.type_name}?{name}={value.rpartition('|')[2]}"
