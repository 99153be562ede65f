"""A private RabbitMQ for one test run: its own ports, its own folder, its own epmd, gone at the end."""

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from apt import Missing, install

# The one in /usr/sbin switches user, and may exit 0 on failure.
_SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
_START_TIMEOUT_S = 60
_STOP_TIMEOUT_S = 20


@contextmanager
def rabbitmq(folder: Path | None = None) -> Iterator[str]:
    """Yields a broker URL. `folder` keeps what the broker writes; without one it is temporary."""
    given = os.environ.get("BEDSIDE_TEST_BROKER_URL") or os.environ.get("BEDSIDE_BROKER_URL")
    if given:
        yield given
        return
    if not _SERVER.exists():
        install(["rabbitmq-server"], needed_for="RabbitMQ")
    if not _SERVER.exists():
        raise Missing(f"RabbitMQ was installed, but {_SERVER} was not found.")
    with ExitStack() as stack:
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bedside-rabbitmq-")))
        port, environment = _configured(folder)
        # Without an epmd of ours the broker starts one as a daemon, which stays behind.
        stack.enter_context(_foreground([_epmd(), "-port", environment["ERL_EPMD_PORT"]], environment, folder / "epmd"))
        broker = stack.enter_context(_foreground([str(_SERVER)], environment, folder / "broker"))
        _wait_until_ready(broker, port, folder / "broker.log")
        yield f"amqp://guest:guest@127.0.0.1:{port}/"


def _configured(folder: Path) -> tuple[int, dict[str, str]]:
    folder.mkdir(parents=True, exist_ok=True)
    port, distribution_port, epmd_port = _free_ports(3)
    cookie = folder / ".erlang.cookie"
    if not cookie.exists():
        cookie.write_text(secrets.token_hex(16))
        cookie.chmod(0o400)
    (folder / "rabbitmq.conf").write_text(f"listeners.tcp.default = 127.0.0.1:{port}\n")
    (folder / "enabled_plugins").write_text("[].\n")
    return port, {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "HOME": str(folder),
        # Nobody else's node may have the name, also when two test runs share the machine.
        "RABBITMQ_NODENAME": f"bedside{port}@localhost",
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_DIST_PORT": str(distribution_port),
        "ERL_EPMD_PORT": str(epmd_port),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2:2 +sbwt none -kernel inet_dist_use_interface {127,0,0,1}",
        # With these the process we hold is the broker itself, not a shell before it.
        "RABBITMQ_ALLOW_INPUT": "1",
        "RABBITMQ_SERVER_START_ARGS": "-noinput",
    }


def _epmd() -> str:
    found = shutil.which("epmd") or next(map(str, Path("/usr/lib/erlang").glob("erts-*/bin/epmd")), None)
    if found is None:
        raise Missing("Erlang's epmd was not found; it comes with erlang-base.")
    return found


@contextmanager
def _foreground(command: list[str], environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.with_suffix(".log").open("wb") as output:
        process = subprocess.Popen(command, env=environment, cwd=environment["HOME"], stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=_STOP_TIMEOUT_S)


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        # The port opens before the broker speaks: it is ready when it answers a greeting in a version it refuses.
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as probe:
            probe.sendall(b"AMQP\0\0\x09\x01")
            if probe.recv(1):
                return
        time.sleep(0.1)
    raise Missing(f"RabbitMQ did not start: {log.read_text(errors='replace')[-400:]}")


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
