"""Accesses on their way to the access log: a file that outlives the process, so that answers wait for no other service.

A line is written before the answer that it tells of leaves, and its file is removed when auth has acknowledged all of
it. A process that ends, or an auth that is away, loses nothing; a machine that loses power loses at most what was
written within the second before (`seal` brings it to the disk).
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from bedside.events.envelope import new_event_id

BYTES_MAX = 256 * 1024 * 1024
"""Some half a million accesses. Beyond it nothing is shown any more, since it could not be told."""
_SUFFIX = ".accesses"
_BLANK = b"\n"


class JournalFull(Exception):
    """Auth has not taken anything for so long that no more is kept."""


class Journal:
    """`folder` may be shared by several processes; each writes files of its own."""

    def __init__(self, folder: Path, *, bytes_max: int = BYTES_MAX) -> None:
        self._folder = folder
        self._bytes_max = bytes_max
        self._file: int | None = None
        self._path = folder
        self._written = 0
        self._waiting_bytes = 0
        self._failed = False

    def check(self) -> None:
        """Raises JournalFull, and OSError while the disk takes no line: then nothing is even begun."""
        if self._waiting_bytes + self._written > self._bytes_max:
            raise JournalFull
        if self._failed:
            self.note(_BLANK)

    def note(self, line: bytes) -> None:
        """Raises OSError when it cannot be written: then what it tells of is not to be shown."""
        self._failed = True
        if self._file is None:
            self._open()
        assert self._file is not None, "it was opened above"
        written = os.write(self._file, line)
        self._written += written
        if written < len(line):
            # Half a line: what follows it goes into a file of its own.
            self.seal(self.turn())
            raise OSError("the disk takes no more")
        self._failed = False

    def turn(self) -> int | None:
        """What follows goes into another file. To be called by who notes, for only it knows that no line is half."""
        file, self._file = self._file, None
        self._waiting_bytes += self._written
        self._written = 0
        return file

    def seal(self, file: int | None) -> None:
        """Brings what `turn` gave to the disk; from then on it may be shipped."""
        if file is not None:
            os.fsync(file)
            os.close(file)

    def ready(self) -> list[Path]:
        """Files that nobody writes to, oldest first: our own, and those that a process left which is no more."""
        if not self._folder.exists():
            return []
        # One without content has just been made, by somebody who is about to write.
        others = [path for path in sorted(self._folder.glob(f"*{_SUFFIX}")) if _size(path)]
        found = [path for path in others if path != self._path or self._file is None]
        self._waiting_bytes = sum(_size(path) for path in found)
        return found

    @contextmanager
    def claimed(self, path: Path) -> Iterator[Iterator[bytes] | None]:
        """The whole lines of a file, one by one; None when somebody else has it. Remove it with `done`."""
        try:
            file = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            yield None
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            with os.fdopen(file, "rb", closefd=False) as lines:
                # What a crash cut off in the middle was not yet shown to anybody.
                yield (each for each in lines if each.endswith(b"\n") and each != _BLANK)
        finally:
            os.close(file)

    def done(self, path: Path) -> None:
        with suppress(FileNotFoundError):
            path.unlink()

    def _open(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path = self._folder / f"{new_event_id(datetime.now(UTC))}{_SUFFIX}"
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)


def _size(path: Path) -> int:
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0
