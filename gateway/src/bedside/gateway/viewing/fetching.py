"""Everything a view needs, at once and within its budget."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bedside.clinical.directory import Directory, local
from bedside.clinical.resources import Patient, Resource
from bedside.gateway.viewing.declaration import View, Wanted
from bedside.gateway.viewing.records import NotAnswered, Page, Records
from bedside.gateway.viewing.sources import Loaded, Unavailable
from bedside.identity import Caller

SOURCE_BUDGET_S = 1.5
VIEW_BUDGET_S = 2.5
HEDGED_AFTER_S = 0.5
PAGE_COUNT = 500
PAGES_MAX = 40
REFERRED_MAX = 400
TOO_SLOW = "too-slow"

Fetched = Loaded[Any] | Unavailable


@dataclass(frozen=True)
class Sources:
    """By the parameter that wanted it."""

    patient: Patient
    found: dict[str, Fetched]
    directory: Directory
    fetched_at: datetime


class Fetching:
    """One read of one view. The number of calls follows from the view, never from the rows: only pages add to it."""

    def __init__(self, records: Records, bearer: str, caller: Caller, budget_s: float = VIEW_BUDGET_S) -> None:
        self._records = records
        self._bearer = bearer
        self._caller = caller
        self._ends = asyncio.get_running_loop().time() + budget_s

    async def sources(self, view: View, patient_id: str) -> Sources:
        """Raises NotAnswered, NoSuchPatient or TokenEnded for the patient: nothing is shown of somebody unknown."""
        async with asyncio.TaskGroup() as tasks:
            identity = tasks.create_task(self._outcome(self._patient(patient_id)))
            searches = {
                wanted.parameter: tasks.create_task(self._outcome(self._source(wanted, patient_id)))
                for wanted in view.wanted
            }
            identified = await identity
            if isinstance(identified, Exception):
                for search in searches.values():
                    search.cancel()
        if isinstance(identified, Exception):
            raise identified
        found: dict[str, Fetched] = {}
        for parameter, search in searches.items():
            outcome = search.result()
            if isinstance(outcome, Exception):
                raise outcome
            found[parameter] = outcome
        directory = await self._directory(view, identified, found)
        return Sources(identified, found, directory, datetime.now(UTC))

    async def _outcome(self, asked: Awaitable[Any]) -> Any:
        # A task group would wrap what is raised, and end the others before they are told.
        try:
            return await asked
        except Exception as problem:
            return problem

    async def _patient(self, id_: str) -> Patient:
        try:
            async with asyncio.timeout(self._budget_s()):
                found: Patient = await _hedged(lambda: self._records.patient(id_, self._bearer))
                return found
        except TimeoutError as problem:
            raise NotAnswered(TOO_SLOW) from problem

    async def _source(self, wanted: Wanted, patient_id: str) -> Fetched:
        query = [(name, value.replace("{id}", patient_id)) for name, value in wanted.query]
        return await self._all_pages(wanted.type_name, query, hedged=wanted.is_safety)

    async def _all_pages(self, type_name: str, query: list[tuple[str, str]], *, hedged: bool) -> Fetched:
        asked = [*query, ("_count", str(PAGE_COUNT))]
        loaded: dict[str, Resource] = {}
        pages = unreadable = 0

        async def first() -> Page:
            return await self._records.search(type_name, asked, self._bearer)

        try:
            async with asyncio.timeout(self._budget_s()):
                page = await (_hedged(first) if hedged else first())
                while True:
                    loaded |= {record["id"]: record for record in page.records}
                    pages, unreadable = pages + 1, unreadable + page.unreadable
                    if page.following is None or pages == PAGES_MAX:
                        break
                    page = await self._records.page(type_name, page.following, self._bearer)
        except (NotAnswered, TimeoutError) as problem:
            why = problem.problem if isinstance(problem, NotAnswered) else TOO_SLOW
            return Loaded(list(loaded.values()), complete=False, problem=why) if pages else Unavailable(why)
        if page.following is not None:
            return Loaded(list(loaded.values()), complete=False, problem="too-many-pages")
        if unreadable:
            return Loaded(list(loaded.values()), complete=False, problem="unreadable")
        if self._caller.is_narrowed("s", type_name):
            # What the token leaves out may be there: it is not known, and must not be shown as absent.
            return Loaded(list(loaded.values()), complete=False, problem="not-permitted")
        return Loaded(list(loaded.values()))

    async def _directory(self, view: View, patient: Patient, found: dict[str, Fetched]) -> Directory:
        known: list[Any] = [patient]
        for wanted in view.wanted:
            source = found[wanted.parameter]
            # Vital signs are many, and no view names what they refer to.
            if isinstance(source, Loaded) and wanted.type_name != "Observation":
                known.extend(source.items)
        at_hand = Directory.of(known)
        missing: dict[str, set[str]] = {}
        for reference in _references(known):
            type_name, _, id_ = reference.partition("/")
            if type_name in view.referred_types and reference not in at_hand.entries:
                missing.setdefault(type_name, set()).add(id_)
        answers = await asyncio.gather(
            *(self._all_pages(name, _by_ids(ids), hedged=False) for name, ids in sorted(missing.items()))
        )
        looked_up = [record for answer in answers if isinstance(answer, Loaded) for record in answer.items]
        too_many = any(len(ids) > REFERRED_MAX for ids in missing.values())
        return Directory.of([*known, *looked_up], complete=not too_many and all(map(_is_settled, answers)))

    def _budget_s(self) -> float:
        return max(0.0, min(SOURCE_BUDGET_S, self._ends - asyncio.get_running_loop().time()))


def _by_ids(ids: set[str]) -> list[tuple[str, str]]:
    return [("_id", ",".join(sorted(ids)[:REFERRED_MAX]))]


def _is_settled(answer: Fetched) -> bool:
    """A name the caller has no right to is not missing: it is not theirs."""
    return (isinstance(answer, Loaded) and answer.complete) or answer.problem == "not-permitted"


def _references(node: Any) -> Iterator[str]:
    # Without recursion: what is nested deeply may have come from anywhere.
    waiting: list[Any] = [node]
    while waiting:
        here = waiting.pop()
        if isinstance(here, dict):
            found = local(here) if isinstance(here.get("reference"), str) else None  # type: ignore[arg-type]
            if found:
                yield found
            waiting.extend(_parts(here.values()))
        else:
            waiting.extend(_parts(here))


def _parts(values: Iterable[Any]) -> list[Any]:
    return [value for value in values if isinstance(value, dict | list)]


async def _hedged(ask: Callable[[], Awaitable[Any]]) -> Any:
    """A second question when the first is late; the first good answer counts."""
    first: asyncio.Future[Any] = asyncio.ensure_future(ask())
    asked = {first}
    try:
        await asyncio.wait(asked, timeout=HEDGED_AFTER_S)
        if first.done():
            return first.result()
        asked.add(asyncio.ensure_future(ask()))
        waiting = set(asked)
        while True:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            good = next((task for task in done if task.exception() is None), None)
            if good is not None or not waiting:
                return (good or done.pop()).result()
    finally:
        for task in asked:
            task.cancel()
