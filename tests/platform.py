"""Starts `bedside up` beside the tests and stops it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EXAMPLES_CLOCK = "2026-06-15T10:00:00+01:00"
_LOADED = "generated patients are here"
_READY_TIMEOUT_S = 90
_STOP_TIMEOUT_S = 20


@dataclass
class Platform:
    """`demo` is its demo.json, `settings` what was chosen for it, by environment variable."""

    process: subprocess.Popen[str]
    data_dir: Path
    log: Path
    settings: Mapping[str, str]

    @property
    def demo(self) -> dict[str, Any]:
        demo: dict[str, Any] = json.loads((self.data_dir / "demo.json").read_text())
        return demo

    def stop(self) -> int:
        """As an operator stops it; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=_STOP_TIMEOUT_S)


def running_platform(data_dir: Path, settings: Mapping[str, str]) -> Iterator[Platform]:
    platform = start_platform(data_dir, settings)
    try:
        yield platform
    finally:
        if platform.process.poll() is None:
            try:
                platform.stop()
            except subprocess.TimeoutExpired:
                platform.process.kill()


def start_platform(data_dir: Path, settings: Mapping[str, str]) -> Platform:
    """Returns once it is ready and the demo is loaded; the log is shown when it does not start."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("BEDSIDE_")}
    chosen = {
        "BEDSIDE_PORT": str(free_ports(4)),
        "BEDSIDE_DATA_DIR": str(data_dir),
        "BEDSIDE_DEMO": "1",
        "BEDSIDE_TEST_MODE": "1",
        "BEDSIDE_CLOCK": EXAMPLES_CLOCK,
        "BEDSIDE_LOG_LEVEL": "warning",
        **settings,
    }
    log = data_dir / "platform.log"
    with log.open("w") as written, (data_dir / "said").open("w") as said:
        process = subprocess.Popen(
            [Path(sys.executable).with_name("bedside"), "up"],
            env=inherited | chosen,
            stdout=said,
            stderr=written,
            text=True,
        )
    platform = Platform(process, data_dir, log, chosen)
    _wait_until_ready(platform)
    return platform


def free_ports(count: int) -> int:
    """The first of that many free ports in a row, below those that the kernel hands out by itself."""
    start = 12_000 + os.getpid() * 8 % 16_000
    for port in range(start, start + 4_000, count):
        if all(_free(port + offset) for offset in range(count)):
            return port
    raise AssertionError("no free ports")


def _free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _wait_until_ready(platform: Platform) -> None:
    deadline = time.monotonic() + _READY_TIMEOUT_S
    told = ""
    while time.monotonic() < deadline and platform.process.poll() is None:
        told = (platform.data_dir / "said").read_text()
        # The generated patients arrive behind `ready`; tests that count want them all there.
        if _LOADED in told:
            return
        time.sleep(0.05)
    if platform.process.poll() is None:
        platform.process.kill()
    raise AssertionError(f"the platform did not start:\n{told}\n{platform.log.read_text()[-6000:]}")
