"""The official examples of FHIR R4, npm `hl7.fhir.r4.examples@4.0.1`: fetched once, then kept in the user's cache."""

import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

import pytest

PACKAGE = "hl7.fhir.r4.examples@4.0.1"
_FILE = "hl7.fhir.r4.examples-4.0.1.tgz"
_SHA256 = "dce87f1b5b9341867033f7d1f544fa1b5232503f6d62813887ac6b8a8b6cb682"
_FETCH_S = 300


def examples() -> dict[str, bytes]:
    """The bytes of each example by its file name. Fails with a sentence when it cannot be fetched."""
    kept = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bedside" / _FILE
    if not kept.exists():
        _fetch(kept)
    digest = hashlib.sha256(kept.read_bytes()).hexdigest()
    assert digest == _SHA256, f"{kept.name} is not the package that was published: delete it and run again"
    with tarfile.open(kept) as archive:
        return {
            Path(member.name).name: taken.read()
            for member in archive
            if member.name.endswith(".json") and (taken := archive.extractfile(member)) is not None
        }


def _fetch(kept: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.fail(f"npm is not installed: it fetches the official examples ({PACKAGE})")
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [npm, "pack", PACKAGE, "--silent"], cwd=folder, capture_output=True, text=True, timeout=_FETCH_S
        )
        if done.returncode != 0:
            pytest.fail(f"npm could not fetch {PACKAGE}: {done.stderr.strip()[-500:]}")
        # First beside its place, then in it: another worker must not find half a file.
        arrived = kept.with_suffix(f".{os.getpid()}")
        shutil.move(Path(folder) / _FILE, arrived)
        arrived.replace(kept)
