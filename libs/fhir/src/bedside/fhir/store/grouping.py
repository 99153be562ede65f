"""Small writes of several callers in one commit: what comes while a commit is under way shares the next one.

A commit costs as much for one resource as for many: its round trips, its wait for the disk, SQLite's one writer.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from dataclasses import dataclass

from bedside.events.database import Busy
from bedside.fhir.existence.peers import Unheard
from bedside.fhir.outcome import Refused
from bedside.fhir.store import conditions, locks
from bedside.fhir.store.draft import Author, Draft, Written
from bedside.fhir.store.references import known

_TOGETHER_MAX = 64
# A group that waits for somebody's lock must not hold up those who come later and do not want it.
_PATIENCE_S = 0.25
Together = Callable[[Sequence[Draft], Sequence[Author]], Awaitable[list[Written]]]


def groupable(drafts: Sequence[Draft]) -> bool:
    """Whether this is one plain create: it depends on nothing that others write, and no caller's limits apply to it."""
    return (
        len(drafts) == 1
        and drafts[0].kind == "create"
        and drafts[0].full_url is None
        and not drafts[0].is_bounded
        and not conditions.wanted(drafts)
    )


@dataclass(eq=False, slots=True)
class _Waiting:
    draft: Draft
    author: Author
    answer: "asyncio.Future[Written | None]"


class Groups:
    """The creates of one store. `together` writes drafts of several authors in one transaction."""

    def __init__(self, together: Together) -> None:
        self._together = together
        self._queue: deque[_Waiting] = deque()
        self._lane: asyncio.Task[None] | None = None
        self._writing: set[asyncio.Task[None]] = set()

    async def written(self, draft: Draft, author: Author) -> Written | None:
        """The answer after the commit; None when nothing was written, and the draft is to be tried by itself."""
        waiting = _Waiting(draft, author, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        if self._lane is None:
            # In no caller's context: a group belongs to nobody, and outlives whoever goes away.
            self._lane = asyncio.create_task(self._work(), context=Context())
        return await waiting.answer

    async def _work(self) -> None:
        try:
            while group := self._next():
                writing = asyncio.create_task(self._write(group))
                self._writing.add(writing)
                writing.add_done_callback(self._writing.discard)
                await asyncio.wait({writing}, timeout=_PATIENCE_S)
        finally:
            self._lane = None

    def _next(self) -> list[_Waiting]:
        """The first in the queue that share no identifier; those that do keep their places for the group after."""
        group: list[_Waiting] = []
        later: list[_Waiting] = []
        marks: set[str] = set()
        while self._queue and len(group) < _TOGETHER_MAX:
            waiting = self._queue.popleft()
            own = {value for _, value in locks.identifiers(waiting.draft.resource or {})}
            if waiting.answer.done():
                continue
            if own & marks:
                later.append(waiting)
                continue
            marks |= own
            group.append(waiting)
        self._queue.extendleft(reversed(later))
        return group

    async def _write(self, group: list[_Waiting]) -> None:
        try:
            while group:
                group = await self._tried(group)
        except (Refused, Busy):
            _answer(group, [None] * len(group))
        except BaseException as error:
            for waiting in group:
                if not waiting.answer.done():
                    waiting.answer.set_exception(
                        error if isinstance(error, Exception) else Busy("the service is stopping")
                    )
            if not isinstance(error, Exception):
                raise

    async def _tried(self, group: list[_Waiting]) -> list[_Waiting]:
        """Who is left to be written together: those who need not ask another owner first."""
        for place, waiting in enumerate(group):
            waiting.draft.request = place
        try:
            written = await self._together([each.draft for each in group], [each.author for each in group])
        except Unheard as unheard:
            asking = [each for each in group if _names(each.draft) & unheard.references] or group
            _answer(asking, [None] * len(asking))
            return [each for each in group if each not in asking]
        _answer(group, written)
        return []


def _names(draft: Draft) -> set[str]:
    return {key for mention in draft.references if (key := known(mention)) is not None}


def _answer(group: Sequence[_Waiting], written: Sequence[Written | None]) -> None:
    for waiting, answer in zip(group, written, strict=True):
        # The caller may have gone away.
        if not waiting.answer.done():
            waiting.answer.set_result(answer)
