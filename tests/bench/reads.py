"""Reads of one Patient: a bare handler, the owner, the gateway, in turn: `python -m tests.bench.reads POSTGRESQL_URL`.

Each runs as its own process on the same PostgreSQL; rounds are interleaved, so that a noisy machine is noisy for all.
Prints requests a second, servers' processor time for one request, and the two ratios with their spread.
"""

import asyncio
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from bedside.fhir.definitions import definitions
from tests.bench.http_load import Measured, measure
from tests.separate import separate_services
from tests.system.access import Access

ROUNDS, SECONDS, CONNECTIONS = 5, 3.0, 8
PATIENT = {
    "resourceType": "Patient",
    "id": "bench",
    "active": True,
    "identifier": [{"system": "http://hospital.example.org/mrn", "value": "BENCH-1"}],
    "name": [{"use": "official", "family": "Okafor", "given": ["Margaret", "Ellen"]}],
    "telecom": [{"system": "phone", "use": "mobile", "value": "+44 7700 900123", "rank": n} for n in range(1, 20)],
    "gender": "female",
    "birthDate": "1954-11-02",
    "address": [{"line": [f"{n} Mill Lane"], "city": "Leeds", "postalCode": "LS1 4AB"} for n in range(12)],
}


@contextmanager
def process(*command: str | Path, environment: dict[str, str]) -> Iterator[int]:
    started = subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL)
    try:
        yield started.pid
    finally:
        started.send_signal(signal.SIGTERM)
        started.wait(20)


def wait_for(url: str) -> None:
    for _ in range(300):
        try:
            if httpx.get(url).status_code < 500:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"{url} did not answer within 30 s")


def main(server: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        url = f"{server.rsplit('/', 1)[0]}/bench{os.getpid()}"
        with separate_services(Path(folder), {"BEDSIDE_DATABASE_URL": url}) as services:
            access = Access(services.demo)
            owner = services.demo["patients"]
            through, direct = access.client_token(), access.client_token(resource=owner)
            access.fhir(through).put("Patient/bench", json=PATIENT).raise_for_status()
            pids = {name: process.pid for name, process in services.running.items()}
            bare_environment = {
                "BENCH_DATABASE_URL": f"{url}_patients",
                "BENCH_TYPE_ID": str(definitions().type_id("Patient")),
                "BENCH_ID": "bench",
            }
            uvicorn = (sys.executable, "-m", "uvicorn", "--no-access-log", "--log-level", "warning", "--port", "8469")
            with process(*uvicorn, "tests.bench.bare:app", environment=bare_environment) as bare:
                wait_for("http://127.0.0.1:8469/")
                targets = {
                    "bare": ("http://127.0.0.1:8469/", "", (bare,)),
                    "owner": (f"{owner}/fhir/Patient/bench", direct, (pids["patients"],)),
                    "gateway": (f"{access.demo['fhir']}/Patient/bench", through, (pids["gateway"], pids["patients"])),
                }
                asyncio.run(rounds(targets))


async def rounds(targets: dict[str, tuple[str, str, tuple[int, ...]]]) -> None:
    results: dict[str, list[Measured]] = {name: [] for name in targets}
    for _ in range(ROUNDS):
        for name, (url, token, pids) in targets.items():
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            results[name].append(
                await measure(url, headers=headers, seconds=SECONDS, connections=CONNECTIONS, pids=pids)
            )
    for name, measured in results.items():
        rate = statistics.median(one.per_second for one in measured)
        cpu = statistics.median(one.cpu_us for one in measured)
        half = statistics.median(one.percentile_ms(0.5) for one in measured)
        tail = statistics.median(one.percentile_ms(0.99) for one in measured)
        print(f"{name:8}{rate:8.0f}/s {cpu:8.0f} us cpu   p50 {half:6.2f} ms  p99 {tail:6.2f} ms")
    for above, below in (("owner", "bare"), ("gateway", "owner")):
        ratios = sorted(a.per_second / b.per_second for a, b in zip(results[above], results[below], strict=True))
        print(f"{above} / {below}: {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}), wanted 0.40")


if __name__ == "__main__":
    main(sys.argv[1])
