"""`bedside load`: files into a FHIR base, with a progress bar, going on where it stopped."""

import asyncio
import hashlib
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bedside.cli.demo.file import read_demo
from bedside.cli.failure import Failure
from bedside.cli.loading import Outcome, Parcel, TokenProvider, Unanswered, send
from bedside.cli.parcels import files_in, parcels_of
from bedside.cli.token import client_token
from bedside.service.settings import Settings

_REFUSALS_SHOWN = 50
_TOKEN_LIFE_S = 200.0


async def load(paths: Sequence[Path], *, base: str | None, again: bool, settings: Settings) -> None:
    """Raises Failure when anything was refused."""
    demo = read_demo(settings.data_dir)
    base = (base or demo["fhir"]).rstrip("/")
    console = Console(stderr=True)
    done = Done(settings.data_dir / "loaded.json", base, forget=again)
    first, rest = files_in(paths)
    if not first and not rest:
        raise Failure("no .json or .ndjson file there")
    token = integrator_token(demo)
    began = time.perf_counter()
    total = Outcome()
    with _progress(console) as progress:
        bar = progress.add_task("loading", total=None)
        sized = _Sized(done, progress, bar)

        def told(parcel: Parcel, outcome: Outcome) -> None:
            progress.advance(bar, parcel.resources)
            if not outcome.refused:
                done.add(parcel)

        try:
            for files, in_flight in ((first, 1), (rest, 4)):
                part = await send(sized.parcels(files), base=base, token=token, told=told, in_flight=in_flight)
                total.taken += part.taken
                total.refused += part.refused
                total.refusals += part.refusals
        except* Unanswered as group:
            raise Failure(f"{group.exceptions[0]}. What was taken is remembered: run it again to go on.") from None
        except* Failure as group:
            raise group.exceptions[0] from None
    seconds = time.perf_counter() - began
    for sentence in total.refusals[:_REFUSALS_SHOWN]:
        console.print(f"refused  {sentence}", style="red", highlight=False, markup=False)
    if len(total.refusals) > _REFUSALS_SHOWN:
        console.print(f"… and {len(total.refusals) - _REFUSALS_SHOWN} more")
    skipped = f", {sized.skipped} loaded before" if sized.skipped else ""
    rate = f"{total.taken / seconds:.0f}/s" if seconds else ""
    console.print(f"{total.taken} resources in {seconds:.1f} s ({rate}){skipped}, {total.refused} refused")
    if total.refused:
        raise Failure(f"{total.refused} resources were refused")


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

    def __contains__(self, parcel: Parcel) -> bool:
        return _known_as(parcel) in self._names

    def add(self, parcel: Parcel) -> None:
        self._names.add(_known_as(parcel))
        self._all[self._base] = sorted(self._names)
        draft = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        draft.write_bytes(orjson.dumps(self._all))
        draft.replace(self._path)


class _Sized:
    """The parcels that are left, counted as they come."""

    def __init__(self, done: Done, progress: Progress, bar: Any) -> None:
        self._done, self._progress, self._bar = done, progress, bar
        self._total = 0
        self.skipped = 0

    def parcels(self, files: Sequence[Path]) -> Iterator[Parcel]:
        for path in files:
            for parcel in parcels_of(path):
                if parcel in self._done:
                    self.skipped += parcel.resources
                    continue
                self._total += parcel.resources
                self._progress.update(self._bar, total=self._total)
                yield parcel


def _known_as(parcel: Parcel) -> str:
    """A file that was changed since is another one."""
    return f"{parcel.name} {hashlib.blake2b(parcel.body, digest_size=8).hexdigest()}"


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, disable=not sys.stderr.isatty())
