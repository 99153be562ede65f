"""What `bedside doctor` says about who administers."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.exc import DatabaseError

from bedside.auth.database import Units
from bedside.auth.directory.standing import administrators

_FIRST = "`bedside users create NAME --name '…' --role admin` makes the first"


def examined(database_url: str) -> Iterator[tuple[bool, str]]:
    """Whether it is right, and a sentence; nothing where there is no database yet, which others say."""
    if database_url.startswith("sqlite:") and not Path(database_url.removeprefix("sqlite:///")).exists():
        return
    units = Units(database_url)
    try:
        with units.reading() as session:
            count = len(administrators(session, now=datetime.now(UTC)))
    except DatabaseError:
        return
    finally:
        units.close()
    yield count > 0, f"administrators: {count}" if count else f"nobody is an administrator: {_FIRST}"
