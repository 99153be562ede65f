"""Everything as files: `python -m tests.bench.export POSTGRESQL_URL --resources 100000`.

Exports all there is through the gateway, downloads every file, and prints resources a second and how far the memory of
each service rose over what it had idle, a reader who stops reading included. Whatever the size, the limit is the same:
a file is never in memory as a whole.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from tests.bench.filling import OF_ONE_PATIENT
from tests.bench.stage import stage

GROWTH_MAX_MB = 64
ENDED_WITHIN_S = 600
UNREAD_S = 3
SERVICES = ("gateway", "patients", "encounters")


def main(server: str, resources: int) -> None:
    with stage(server, around_patients=-(-resources // OF_ONE_PATIENT)) as on:
        with httpx.Client(base_url=on.owner("gateway") + "/", headers=on.headers(), timeout=120) as http:
            # What is loaded once, by the first who asks, belongs to the idle memory.
            _downloaded(http, _exported(http, "$export?_type=Organization,Schedule"))
            pids = dict(zip(SERVICES, on.pids(*SERVICES), strict=True))
            idle = {name: _forget_peak(pid) for name, pid in pids.items()}
            begun = time.perf_counter()
            manifest = _exported(http, "$export")
            planned = time.perf_counter()
            lines, size = _downloaded(http, manifest)
            ended = time.perf_counter()
            _begun_and_left(http, max(manifest["output"], key=lambda file: file["count"]))
        peaks = {name: _peak(pid) for name, pid in pids.items()}
    told = sum(file["count"] for file in manifest["output"])
    assert lines == told >= resources, f"{told} promised, {lines} downloaded, {resources} asked for"
    print(
        f"{lines} resources in {len(manifest['output'])} files, {size / 1e6:.0f} MB: manifest {planned - begun:.1f} s,"
    )
    print(f"  downloads {ended - planned:.1f} s, {lines / (ended - begun):.0f} resources/s in all")
    for name, before in idle.items():
        growth = peaks[name] - before
        print(f"  {name:12} idle {before:6.1f} MB, peak +{growth:5.1f} MB (limit {GROWTH_MAX_MB}) {_verdict(growth)}")


def _exported(http: httpx.Client, path: str) -> dict[str, Any]:
    begun = http.get(path, headers={"Prefer": "respond-async"})
    begun.raise_for_status()
    deadline = time.perf_counter() + ENDED_WITHIN_S
    while time.perf_counter() < deadline:
        told = http.get(begun.headers["content-location"].rpartition("/fhir/")[2])
        told.raise_for_status()
        if told.status_code == 200:
            manifest: dict[str, Any] = told.json()
            return manifest
        time.sleep(0.2)
    raise RuntimeError(f"no export within {ENDED_WITHIN_S} s")


def _downloaded(http: httpx.Client, manifest: dict[str, Any]) -> tuple[int, int]:
    """Lines and bytes."""
    lines = size = 0
    for piece in _pieces(http, manifest):
        lines += piece.count(b"\n")
        size += len(piece)
    return lines, size


def _begun_and_left(http: httpx.Client, file: dict[str, Any]) -> None:
    """By a reader too slow to be waited for with the rest of the file in memory."""
    with http.stream("GET", file["url"].rpartition("/fhir/")[2]) as sent:
        next(sent.iter_raw())
        time.sleep(UNREAD_S)


def _pieces(http: httpx.Client, manifest: dict[str, Any]) -> Iterator[bytes]:
    for file in manifest["output"]:
        path = file["url"].rpartition("/fhir/")[2]
        with http.stream("GET", path, headers={"Accept": "application/fhir+ndjson"}) as sent:
            sent.raise_for_status()
            yield from sent.iter_raw()


def _forget_peak(pid: int) -> float:
    """What the process has now, in MB, which is from now on its peak: https://docs.kernel.org/filesystems/proc.html"""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return _peak(pid)


def _peak(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1000


def _verdict(growth: float) -> str:
    return "holds" if growth <= GROWTH_MAX_MB else "BROKEN"


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("server")
    parser.add_argument("--resources", type=int, default=100_000)
    chosen = parser.parse_args()
    main(chosen.server, chosen.resources)
