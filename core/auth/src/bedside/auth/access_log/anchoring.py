"""The head of the chain, written elsewhere now and then: only so is it seen that the end was cut off, or all rewritten.

It goes to the log, which an operator ships off the machine, and to a file beside the databases, marked with a key that
the database does not hold.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import orjson
import structlog
from anyio import to_thread
from sqlalchemy.exc import SQLAlchemyError

from bedside.auth.access_log.sealing import head
from bedside.auth.database import Units
from bedside.auth.keys import Sealing
from bedside.auth.secrets_kept import same

EVERY_S = 300.0
FILE = "access-log.anchors"
_LINE_BYTES_MAX = 1_000
_log = structlog.get_logger("bedside.auth.access_log")


@dataclass(frozen=True)
class Anchor:
    position: int
    hash: str


class ForgedAnchor(Exception):
    """A line of the file was not written by this installation; `line` counts from 1."""

    def __init__(self, line: int) -> None:
        super().__init__(f"line {line} of {FILE} was not written by this installation")


async def keep_anchoring(units: Units, sealing: Sealing, folder: Path) -> None:
    """Every five minutes, until cancelled. What has not grown is not anchored again."""
    last = 0
    while True:
        try:
            anchored = await to_thread.run_sync(anchor, units, sealing, folder, last)
            last = anchored.position
        except (SQLAlchemyError, OSError) as error:
            _log.warning("anchoring waits", error=type(error).__name__)
        await asyncio.sleep(EVERY_S)


def anchor(units: Units, sealing: Sealing, folder: Path, last: int = 0) -> Anchor:
    """Writes the head down, unless it is still at position `last`."""
    with units.reading() as session:
        at = Anchor(*head(session))
    if at.position > last:
        line = orjson.dumps({"position": at.position, "hash": at.hash, "mark": _mark(sealing, at)})
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / FILE).open("ab") as file:
            file.write(line + b"\n")
        _log.info("access log head", position=at.position, hash=at.hash)
    return at


def anchors(sealing: Sealing, folder: Path) -> list[Anchor]:
    """All that were written. Raises ForgedAnchor."""
    path = folder / FILE
    if not path.exists():
        return []
    found = []
    with path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(_LINE_BYTES_MAX), b""), 1):
            try:
                told = orjson.loads(line)
                at = Anchor(int(told["position"]), str(told["hash"]))
                genuine = same(str(told["mark"]), _mark(sealing, at))
            except (ValueError, KeyError, TypeError) as error:
                raise ForgedAnchor(number) from error
            if not genuine:
                raise ForgedAnchor(number)
            found.append(at)
    return found


def _mark(sealing: Sealing, at: Anchor) -> str:
    return sealing.mark("access log anchor", f"{at.position} {at.hash}")
