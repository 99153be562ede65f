"""R10."""

from typing import Any

import pytest

from bedside.clinical.directory import Directory
from bedside.clinical.dosage import sig
from bedside.clinical.medications import Medication, medications
from bedside.clinical.testing import MOMENT, coded, medicine, problem


def listed(*records: Any, conditions: tuple[Any, ...] = (), directory: Directory | None = None) -> list[Medication]:
    found = medications(records, conditions, directory or Directory(), MOMENT, whole=True)
    return found.items or []


def test_the_same_medicine_twice_is_one_row_from_the_first_day() -> None:
    found = listed(medicine("a", authoredOn="2024-02-01"), medicine("b", authoredOn="2025-08-10"))
    assert [(item.id, item.started_on, item.flags) for item in found] == [("b", "2024-02-01", [])]


def test_the_same_medicine_otherwise_taken_may_be_a_duplicate() -> None:
    found = listed(medicine("a"), medicine("b", sig="Twice a day"))
    assert [item.flags for item in found] == [["possible-duplicate"], ["possible-duplicate"]]


@pytest.mark.parametrize(
    ("end", "flags"),
    [("2026-06-14", ["expired"]), ("2026-06-15", []), ("2026-06", []), ("2026-05", ["expired"]),
     ("2026-06-14T23:30:00Z", []), ("2026-06-14T22:30:00Z", ["expired"])],
)  # fmt: skip
def test_a_medicine_is_expired_the_day_after_its_end(end: str, flags: list[str]) -> None:
    assert listed(medicine("a", dispenseRequest={"validityPeriod": {"end": end}}))[0].flags == flags


@pytest.mark.parametrize(
    "elements",
    [{"intent": "proposal"}, {"intent": "plan"}, {"intent": "option"}, {"doNotPerform": True}, {"status": "stopped"},
     {"status": "entered-in-error"}],
)  # fmt: skip
def test_what_is_not_taken_is_not_listed(elements: dict[str, Any]) -> None:
    assert listed(medicine("a", **elements)) == []


def test_a_hidden_reason_is_not_named_even_by_its_reference() -> None:
    reason = [{"reference": "Condition/c9", "display": "Alcohol use disorder"}]
    assert listed(medicine("a", reasonReference=reason))[0].indication is None
    shown = listed(medicine("a", reasonReference=reason), conditions=(problem("c9", "7"),))
    assert shown[0].indication == "Problem 7"


def test_a_medicine_may_stand_in_a_resource_of_its_own() -> None:
    resource = {"resourceType": "Medication", "id": "m", "code": coded("9", text="Insulin")}
    record = {key: told for key, told in medicine("a").items() if key != "medicationCodeableConcept"}
    record |= {"medicationReference": {"reference": "Medication/m"}}
    assert listed(record, directory=Directory.of([resource]))[0].name == "Insulin"


def dosage(**elements: Any) -> Any:
    return [{"doseAndRate": [{"doseQuantity": {"value": 5, "unit": "mg"}}]} | elements]


def every(frequency: int, period: float, unit: str) -> dict[str, Any]:
    return {"timing": {"repeat": {"frequency": frequency, "period": period, "periodUnit": unit}}}


@pytest.mark.parametrize(
    ("instruction", "sentence"),
    [
        ([{"text": "As directed"}], "As directed"),
        (dosage(route=coded("26643006"), **every(1, 1, "d")), "5 mg by mouth once a day"),
        (dosage(route=coded("47625008"), **every(1, 8, "h")), "5 mg into a vein every 8 hours"),
        (dosage(**every(2, 1, "wk")), "5 mg twice a week"),
        (dosage(**every(3, 1, "mo")), "5 mg 3 times a month"),
        (dosage(**every(1, 1, "h")), "5 mg every hour"),
        (dosage(asNeededBoolean=True, **every(1, 1, "d")), "5 mg once a day as needed"),
        (dosage(asNeededCodeableConcept={"text": "pain"}), "5 mg as needed for pain"),
        ([{"doseAndRate": [{"doseQuantity": {"value": 2.0, "unit": "puff"}}]}], "2 puffs"),
        ([{"doseAndRate": [{"doseQuantity": {"value": 1, "unit": "tablet"}}]}], "1 tablet"),
        ([{"doseAndRate": [{"doseQuantity": {"value": 2, "unit": "patch"}}]}], "2 patches"),
        ([], None),
        ([{}], None),
    ],
)
def test_directions_in_a_sentence(instruction: Any, sentence: str | None) -> None:
    assert sig(instruction) == sentence
