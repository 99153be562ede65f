"""The demo's patients: three examples that the views are described by, and generated ones made ahead."""

import lzma
from collections.abc import Iterator
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from bedside.cli.demo.moving import moved
from bedside.cli.failure import Failure
from bedside.cli.loading import Outcome, Parcel, TokenProvider, send

EXAMPLES_CLOCK = datetime.fromisoformat("2026-06-15T10:00:00+01:00")
_IN_FLIGHT_BEHIND = 1


class DemoPatients:
    """Loads them once a day: on another day the same records are written again, as of that day."""

    def __init__(self, data_dir: Path, *, now: datetime, zone: ZoneInfo, base: str, token: TokenProvider) -> None:
        self._path = data_dir / "demo-patients.json"
        self._today = now.astimezone(zone).date()
        self._zone = zone
        self._base = base
        self._token = token

    async def load_examples(self) -> None:
        """Patients p1, p2 and p3."""
        await self._load("examples", in_flight=3)

    async def load_generated(self) -> None:
        """One after the other, so that people who are already at work hardly notice."""
        await self._load("generated", in_flight=_IN_FLIGHT_BEHIND)

    async def _load(self, name: str, *, in_flight: int) -> None:
        loaded = self._loaded()
        if loaded.get(name) == self._today.isoformat():
            return
        outcome = await send(
            self._parcels(name), base=self._base, token=self._token, told=_nothing, in_flight=in_flight
        )
        if outcome.refused:
            raise Failure(f"the demo's patients were refused: {'; '.join(outcome.refusals[:5])}")
        self._path.write_bytes(orjson.dumps({**self._loaded(), name: self._today.isoformat()}))

    def _parcels(self, name: str) -> Iterator[Parcel]:
        days = (self._today - EXAMPLES_CLOCK.astimezone(self._zone).date()).days
        resource = files("bedside.cli.demo").joinpath(f"{name}.ndjson.xz")
        with resource.open("rb") as packed, lzma.open(packed) as lines:
            for number, line in enumerate(lines, 1):
                bundle = moved(orjson.loads(line), days, self._zone)
                yield Parcel(f"{name} {number}", orjson.dumps(bundle), len(bundle["entry"]))

    def _loaded(self) -> dict[str, Any]:
        try:
            loaded: dict[str, Any] = orjson.loads(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        return loaded


def _nothing(parcel: Parcel, outcome: Outcome) -> None:
    return None
