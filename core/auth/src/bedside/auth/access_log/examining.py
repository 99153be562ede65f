"""What `bedside doctor` says about the access log."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.exc import DatabaseError, OperationalError

from bedside.auth.access_log.anchoring import FILE, Anchor, ForgedAnchor, anchors
from bedside.auth.access_log.verifying import Verdict, verify
from bedside.auth.database import Units
from bedside.auth.keys import Sealing

_TOLD_EVERY = 100_000


def examined(
    database_url: str,
    secret: Callable[[str], str],
    folder: Path,
    *,
    kept: tuple[Anchor, ...] = (),
    tell: Callable[[str], None] = lambda sentence: None,
) -> Iterator[tuple[bool, str]]:
    """Each finding: whether it is right, and a sentence. `kept` are anchors that the operator noted elsewhere."""
    path = Path(database_url.removeprefix("sqlite:///")) if database_url.startswith("sqlite:") else None
    if path is not None and not path.exists():
        yield True, "access log: none yet"
        return
    try:
        known = [*anchors(Sealing(secret("auth-master")), folder), *kept] if (folder / FILE).exists() else list(kept)
    except ForgedAnchor as forged:
        yield False, f"access log: {forged}"
        known = list(kept)
    units = Units(database_url)
    try:
        yield from _found(verify(units, now=datetime.now(UTC), anchors=known, progress=_telling(tell)), len(known))
    except OperationalError:
        yield False, "access log: the database of auth cannot be read"
    except DatabaseError:
        yield True, "access log: none yet (the database of auth has not been migrated)"
    finally:
        units.close()


def _found(verdict: Verdict, anchors_known: int) -> Iterator[tuple[bool, str]]:
    if verdict.broken is not None:
        yield False, f"access log: {verdict.broken}. Keep the database as it is and ask who could write to it"
        return
    yield True, f"access log: {verdict.positions} entries in an unbroken chain, {anchors_known} anchors agree"
    if verdict.waiting:
        # While auth does not run nothing is sealed, which is no damage; so this is told, and no failure.
        yield True, f"access log: {verdict.waiting} entries wait to be sealed; auth does that while it runs"


def _telling(tell: Callable[[str], None]) -> Callable[[int, int], None]:
    def progress(done: int, all_: int) -> None:
        if done % _TOLD_EVERY == 0:
            tell(f"access log: {done} of {all_} entries checked")

    return progress
