"""A private PostgreSQL for one test run: its own port, its own folder, gone at the end."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from apt import Missing, install

_START_TIMEOUT_S = 30
_IN_MEMORY = "/dev/shm"
_ROOM_BYTES = 4 << 30


@contextmanager
def postgresql() -> Iterator[str]:
    """Yields a server URL. Its superuser needs no password; durability is off, for tests do not survive power cuts."""
    given = os.environ.get("BEDSIDE_TEST_DATABASE_URL") or os.environ.get("BEDSIDE_DATABASE_URL")
    if given:
        yield given
        return
    binaries = _binaries()
    if binaries is None:
        install(["postgresql"], needed_for="PostgreSQL")
        binaries = _binaries()
    if binaries is None:
        raise Missing("PostgreSQL was installed but its programs (initdb, postgres) were not found.")
    with tempfile.TemporaryDirectory(prefix="bedside-postgresql-", dir=_memory()) as folder:
        yield from _running(binaries, Path(folder))


def _memory() -> str | None:
    """Nearly every test makes a database, some two hundred small files: on a disk that takes twenty times as long."""
    if os.access(_IN_MEMORY, os.W_OK) and shutil.disk_usage(_IN_MEMORY).free > _ROOM_BYTES:
        return _IN_MEMORY
    return None


def _binaries() -> Path | None:
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if versions:
        return versions[-1].parent
    found = shutil.which("initdb")
    return Path(found).parent if found else None


def _running(binaries: Path, folder: Path) -> Iterator[str]:
    account = _unprivileged(folder)
    data = folder / "data"
    create = [binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]
    done = subprocess.run([*create, "--locale", "C"], capture_output=True, text=True, cwd=folder, user=account)
    if done.returncode != 0:
        raise Missing(f"initdb failed: {done.stderr.strip()[-400:]}")
    port = _free_port()
    options = {
        "port": port,
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": folder,
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "max_connections": 200,
        "shared_buffers": "64MB",
    }
    command = [binaries / "postgres", "-D", data, *(part for k, v in options.items() for part in ("-c", f"{k}={v}"))]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, user=account)
    try:
        _wait_until_ready(process, port, folder / "log")
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    finally:
        # SIGINT is PostgreSQL's fast shutdown: it does not wait for clients that tests forgot.
        process.send_signal(2)
        process.wait(timeout=30)


def _unprivileged(folder: Path) -> str | None:
    """PostgreSQL refuses to run as root: then the folder and the processes belong to another account."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            account = pwd.getpwnam(name)
        except KeyError:
            continue
        os.chown(folder, account.pw_uid, account.pw_gid)
        return name
    raise Missing("PostgreSQL does not run as root, and there is no account postgres or nobody.")


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        # It listens before it takes connections; the line in its log is what tells.
        if b"ready to accept connections" in log.read_bytes():
            return
        time.sleep(0.05)
    process.kill()
    raise Missing(f"PostgreSQL did not start: {log.read_text(errors='replace')[-400:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
