"""The same programs as one process for each service, as they run in production."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.platform import EXAMPLES_CLOCK, free_ports, start_platform

_BEDSIDE = Path(sys.executable).with_name("bedside")
_START_TIMEOUT_S = 60
_ORDER = ("auth", "patients", "encounters", "gateway")


@dataclass
class Services:
    """`demo` is demo.json; each service may be stopped and started alone."""

    demo: dict[str, Any]
    environment: Mapping[str, str]
    running: dict[str, subprocess.Popen[bytes]]

    def start(self, name: str) -> None:
        log = Path(self.environment["BEDSIDE_DATA_DIR"]) / f"{name}.log"
        with log.open("ab") as written:
            self.running[name] = subprocess.Popen(
                [_BEDSIDE, "serve", name], env=dict(self.environment), stdout=written, stderr=written
            )
        deadline = time.monotonic() + _START_TIMEOUT_S
        while time.monotonic() < deadline and self.running[name].poll() is None:
            try:
                if httpx.get(f"{self.demo[name]}/health/ready").status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"{name} did not start:\n{log.read_text()[-4000:]}")

    def stop(self, name: str) -> None:
        process = self.running.pop(name)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)


@contextmanager
def separate_services(data_dir: Path, settings: Mapping[str, str]) -> Iterator[Services]:
    """`settings` name a PostgreSQL and a RabbitMQ. `bedside up` makes the demo there, then each service runs alone."""
    ports = {"BEDSIDE_PORT": str(free_ports(4))}
    demo_maker = start_platform(data_dir, {**settings, **ports})
    demo = demo_maker.demo
    demo_maker.stop()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("BEDSIDE_")}
    chosen = {
        "BEDSIDE_DATA_DIR": str(data_dir),
        "BEDSIDE_DEMO": "1",
        "BEDSIDE_TEST_MODE": "1",
        "BEDSIDE_CLOCK": EXAMPLES_CLOCK,
        "BEDSIDE_LOG_LEVEL": "warning",
    }
    services = Services(demo, inherited | chosen | dict(settings) | ports, {})
    try:
        for name in _ORDER:
            services.start(name)
        yield services
    finally:
        for name in tuple(services.running):
            services.stop(name)
