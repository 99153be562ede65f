"""Realistic records have no issues."""

from pathlib import Path

import pytest

from bedside.fhir.exact_json import parse
from bedside.fhir.validation import validate

# The records lie beside the project; a copy of the project without them has nothing to read here.
RECORDS = sorted((Path(__file__).parents[4] / "shared/data/synthea").glob("*.json"))


@pytest.mark.skipif(not RECORDS, reason="there are no Synthea records beside the project")
def test_fifteen_synthea_files_have_no_issues() -> None:
    assert {path.name: validate(parse(path.read_bytes())) for path in RECORDS} == {path.name: [] for path in RECORDS}
    assert len(RECORDS) == 15
