"""`bedside seed`: synthetic patients, generated here and loaded."""

import asyncio
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console

from bedside.cli.failure import Failure
from bedside.cli.load import load
from bedside.fhir import exact_json
from bedside.service.settings import Settings

_SECONDS_PER_PATIENT_MAX = 60


async def seed_patients(*, patients: int, seed: int, base: str | None, settings: Settings) -> None:
    """Raises Failure when the generator is not installed or fails."""
    if find_spec("synthea") is None:
        raise Failure("the generator is not installed: pip install 'bedside-cli[seed]'")
    with tempfile.TemporaryDirectory(prefix="bedside-seed-") as folder:
        with Console(stderr=True).status(f"generating {patients} patients, about one a second"):
            await asyncio.to_thread(_generate, Path(folder), patients, seed)
            for bundle in sorted((Path(folder) / "fhir").glob("*.json")):
                bundle.write_bytes(without_empty_meta(bundle.read_bytes()))
        await load([Path(folder) / "fhir"], base=base, again=False, settings=settings)


def _generate(folder: Path, patients: int, seed: int) -> None:
    """In a process of its own: the generator keeps hundreds of megabytes."""
    command = [sys.executable, "-c", "from synthea.cli import cli; cli()", "generate"]
    options = ["-p", str(patients), "-s", str(seed), "--profile", "none", "-o", str(folder), "--log-level", "error"]
    done = subprocess.run(
        [*command, *options], capture_output=True, text=True, timeout=60 + _SECONDS_PER_PATIENT_MAX * patients
    )
    if done.returncode != 0:
        raise Failure(f"the generator failed: {done.stderr.strip()[-300:]}")


def without_empty_meta(bundle: bytes) -> bytes:
    """With no profile to declare the generator writes `"meta": {}`, which FHIR forbids: an element is never empty."""
    parsed = exact_json.parse(bundle)
    for entry in parsed["entry"]:
        if entry["resource"].get("meta") == {}:
            del entry["resource"]["meta"]
    return exact_json.emit(parsed)
