"""`bedside doctor`: checks what can be checked, and says what to do about what is wrong."""

import os
import socket
import stat
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console

from bedside.cli.programs import START_ORDER
from bedside.service.settings import Settings

_TIMEOUT_S = 3
Finding = tuple[bool, str]


def examine(settings: Settings) -> bool:
    """True when nothing is wrong. A platform that does not run is not wrong."""
    console = Console()
    well = True
    for check in _CHECKS:
        for right, sentence in check(settings):
            well = well and right
            console.print(f"{'ok   ' if right else 'WRONG'}  {sentence}", markup=False, highlight=False, soft_wrap=True)
    return well


def _python(settings: Settings) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield sys.version_info >= (3, 11), f"Python {version} (3.11 or later is needed)"


def _folder(settings: Settings) -> Iterator[Finding]:
    folder = settings.data_dir
    nearest = next(path for path in (folder, *folder.resolve().parents) if path.exists())
    yield os.access(nearest, os.W_OK), f"data folder {folder} can be written"
    for path in _private(folder):
        closed = not stat.S_IMODE(path.stat().st_mode) & 0o077
        yield closed, f"{path} is {'' if closed else 'not '}closed to other accounts{'' if closed else ': chmod 600'}"


def _private(folder: Path) -> Iterator[Path]:
    yield from (path for path in (folder / "demo.json", *sorted((folder / "keys").glob("*"))) if path.is_file())


def _database(settings: Settings) -> Iterator[Finding]:
    if settings.database_server is None:
        yield True, "databases: SQLite files in the data folder"
        return
    yield _connects(settings.database_server, 5432, "PostgreSQL")


def _broker(settings: Settings) -> Iterator[Finding]:
    if settings.broker_url is None:
        yield True, "events: inside the process, without a broker"
        return
    yield _connects(settings.broker_url, 5672, "RabbitMQ")


def _services(settings: Settings) -> Iterator[Finding]:
    for service in START_ORDER:
        address = settings.address(service)
        try:
            with urllib.request.urlopen(f"{address}/health/ready", timeout=_TIMEOUT_S) as answer:  # noqa: S310
                yield True, f"{service} at {address} is ready ({answer.status})"
        except urllib.error.HTTPError as error:
            yield False, f"{service} at {address} is not ready: {error.read()[:300].decode(errors='replace')}"
        except OSError:
            yield True, f"{service} does not run at {address}"


def _connects(url: str, default_port: int, what: str) -> Finding:
    parts = urlsplit(url)
    place = (parts.hostname or "127.0.0.1", parts.port or default_port)
    try:
        socket.create_connection(place, timeout=_TIMEOUT_S).close()
    except OSError as error:
        return False, f"{what} at {place[0]}:{place[1]} cannot be reached: {error.strerror or error}"
    return True, f"{what} at {place[0]}:{place[1]} answers"


def _access_log(settings: Settings) -> Iterator[Finding]:
    if find_spec("bedside.auth") is None:
        yield True, "access log: not checked here; ask the doctor where auth is installed"
        return
    from bedside.auth.access_log.examining import examined

    tell = Console(stderr=True).print
    yield from examined(settings.database_url("auth"), settings.kept_secret, settings.data_dir, tell=tell)


def _administrators(settings: Settings) -> Iterator[Finding]:
    if find_spec("bedside.auth") is not None:
        from bedside.auth.directory.examining import examined

        yield from examined(settings.database_url("auth"))


_CHECKS: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
    _python,
    _folder,
    _database,
    _broker,
    _services,
    _access_log,
    _administrators,
)
