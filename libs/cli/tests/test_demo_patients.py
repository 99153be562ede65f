"""The demo's records are right before anyone loads them."""

import lzma
from importlib.resources import files
from pathlib import Path

import orjson
import pytest

from bedside.fhir.validation import validate


@pytest.mark.parametrize(("name", "patients"), [("examples", 3), ("generated", 30)])
def test_every_record_of_the_demo_is_valid(name: str, patients: int) -> None:
    with files("bedside.cli.demo").joinpath(f"{name}.ndjson.xz").open("rb") as packed, lzma.open(packed) as lines:
        bundles = [orjson.loads(line) for line in lines]

    issues = [
        (entry["request"]["url"], issue)
        for bundle in bundles
        for entry in bundle["entry"]
        for issue in validate(entry["resource"])
        if issue.severity == "error"
    ]

    assert len(bundles) == patients
    assert issues == []


def test_the_demo_is_small() -> None:
    assert sum(path.stat().st_size for path in map(_path, ("examples", "generated"))) < 3 * 2**20


def _path(name: str) -> Path:
    return Path(str(files("bedside.cli.demo").joinpath(f"{name}.ndjson.xz")))
