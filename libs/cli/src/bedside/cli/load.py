"""`bedside load`: files into a FHIR base, with a progress bar, going on where it stopped."""

import asyncio
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bedside.cli.demo.file import read_demo
from bedside.cli.failure import Failure
from bedside.cli.leftovers import batches, circles
from bedside.cli.loading import IN_FLIGHT, Leftover, Outcome, Parcel, TokenProvider, Unanswered, send
from bedside.cli.parcels import files_in, parcels_of
from bedside.cli.token import client_token
from bedside.service.settings import Settings

# Kept in memory until everything else is there; what is refused beyond is for the next run.
LEFT_MAX = 50_000
# Each takes what refers to what the one before it has taken.
ROUNDS_MAX = 50
_REFUSALS_SHOWN = 50
_TOKEN_LIFE_S = 200.0
_Sending = Callable[..., Coroutine[Any, Any, Outcome]]
_Parts = Callable[[Sequence[Leftover]], Iterator[tuple[Parcel, Sequence[Leftover]]]]


async def load(paths: Sequence[Path], *, base: str | None, again: bool, settings: Settings) -> None:
    """Raises Failure when anything was refused."""
    demo = read_demo(settings.data_dir)
    base = (base or demo["fhir"]).rstrip("/")
    console = Console(stderr=True)
    done = Done(settings.data_dir / "loaded.json", base, forget=again)
    first, stages = files_in(paths)
    if not first and not stages:
        raise Failure("no .json or .ndjson file there")
    began = time.perf_counter()
    with _progress(console) as progress:
        sized = _Sized(done, progress, progress.add_task("loading", total=None))
        sending = partial(send, base=base, token=integrator_token(demo))
        try:
            total = await _everything(first, stages, sized, sending)
        except* Unanswered as group:
            raise Failure(f"{group.exceptions[0]}. What was taken is remembered: run it again to go on.") from None
        except* Failure as group:
            raise group.exceptions[0] from None
    _tell(console, total, time.perf_counter() - began, sized.skipped)
    if total.refused:
        raise Failure(f"{total.refused} resources were refused")


async def _everything(first: list[Path], stages: list[list[Path]], sized: "_Sized", sending: _Sending) -> Outcome:
    """The files in their order, and then what only waited for what it refers to."""
    total = Outcome()
    for files, in_flight in ((first, 1), *((stage, IN_FLIGHT) for stage in stages)):
        total += await sending(sized.parcels(files), told=sized.told, in_flight=in_flight)
        total.give_up(total.left[LEFT_MAX:])
        del total.left[LEFT_MAX:]
    left, total.left = total.left, []
    for _ in range(ROUNDS_MAX):
        for parts in (batches, circles):
            before = len(left)
            left = await _once_more(left, parts, sized, sending, total)
            if len(left) < before:
                break
        else:
            break
    total.give_up(left)
    return total


async def _once_more(
    left: list[Leftover], parts: _Parts, sized: "_Sized", sending: _Sending, total: Outcome
) -> list[Leftover]:
    """What is still left of it, in order."""
    taken: list[Leftover] = []
    for parcel, part in parts(left):
        outcome = await sending([parcel], told=lambda parcel, outcome: None)
        if not outcome.refused:
            refused = {each.entry for each in outcome.left}
            taken += [each for each in part if each.entry not in refused]
    total.taken += len(taken)
    sized.taken_late(taken)
    gone = {id(each) for each in taken}
    return [each for each in left if id(each) not in gone]


def _tell(console: Console, total: Outcome, seconds: float, before: int) -> None:
    for sentence in total.refusals[:_REFUSALS_SHOWN]:
        console.print(f"refused  {sentence}", style="red", highlight=False, markup=False)
    if len(total.refusals) > _REFUSALS_SHOWN:
        console.print(f"… and {len(total.refusals) - _REFUSALS_SHOWN} more")
    skipped = f", {before} loaded before" if before else ""
    rate = f"{total.taken / seconds:.0f}/s" if seconds else ""
    console.print(f"{total.taken} resources in {seconds:.1f} s ({rate}){skipped}, {total.refused} refused")


def integrator_token(demo: dict[str, Any]) -> TokenProvider:
    """The demo's integrator signs in, and again before its token ends."""
    kept: list[tuple[str, float]] = []
    turn = asyncio.Lock()

    async def token(refused: bool) -> str:
        async with turn:
            fresh = kept and time.monotonic() - kept[0][1] < (1.0 if refused else _TOKEN_LIFE_S)
            if not fresh:
                kept[:] = [(await asyncio.to_thread(client_token, demo, "integrator"), time.monotonic())]
            return kept[0][0]

    return token


class Done:
    """What was loaded before, by base and parcel: a file of names, rewritten whole."""

    def __init__(self, path: Path, base: str, *, forget: bool) -> None:
        self._path = path
        self._base = base
        self._all: dict[str, list[str]] = {}
        if path.exists():
            self._all = orjson.loads(path.read_bytes())
        if forget:
            self._all.pop(base, None)
        self._names = set(self._all.get(base, ()))

    def __contains__(self, parcel: str) -> bool:
        return parcel in self._names

    def add(self, parcel: str) -> None:
        """Parcels go by their keys."""
        self._names.add(parcel)
        self._all[self._base] = sorted(self._names)
        draft = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        draft.write_bytes(orjson.dumps(self._all))
        draft.replace(self._path)


class _Sized:
    """The parcels that are left, counted as they come."""

    def __init__(self, done: Done, progress: Progress, bar: Any) -> None:
        self._done, self._progress, self._bar = done, progress, bar
        self._total = 0
        self._left: Counter[str] = Counter()
        self.skipped = 0

    def parcels(self, files: Sequence[Path]) -> Iterator[Parcel]:
        for path in files:
            for parcel in parcels_of(path):
                if parcel.key in self._done:
                    self.skipped += parcel.resources
                    continue
                self._total += parcel.resources
                self._progress.update(self._bar, total=self._total)
                yield parcel

    def told(self, parcel: Parcel, outcome: Outcome) -> None:
        """A parcel is done when all of it was taken."""
        self._progress.advance(self._bar, parcel.resources)
        self._left[parcel.key] += len(outcome.left)
        if not outcome.refused and not outcome.left:
            self._done.add(parcel.key)

    def taken_late(self, left: Sequence[Leftover]) -> None:
        for each in left:
            self._left[each.parcel] -= 1
            if not self._left[each.parcel]:
                self._done.add(each.parcel)


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, disable=not sys.stderr.isatty())
