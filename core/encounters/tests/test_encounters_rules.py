"""What must be true of times; what is partly known is not judged."""

from typing import Any

import pytest
from fhir.resources.R4B.appointment import Appointment
from fhir.resources.R4B.encounter import Encounter
from fhir.resources.R4B.slot import Slot

from bedside.encounters.rules import (
    appointment_ends_after_it_starts,
    encounter_ends_after_it_starts,
    slot_ends_after_it_starts,
)

TIMES = [
    ("2020-01-02T10:00:00Z", "2020-01-02T09:00:00Z", True),
    ("2020-01-02T10:00:00+02:00", "2020-01-02T09:00:00Z", False),
    ("2020-01-02T10:00:00Z", "2020-01-02T10:00:00Z", False),
]


@pytest.mark.parametrize(
    ("period", "is_wrong"),
    [
        *[({"start": start, "end": end}, is_wrong) for start, end, is_wrong in TIMES],
        ({"start": "2020-01-02T10:00:00Z", "end": "2020-01"}, False),
        ({"start": "2020-01-02T10:00:00Z"}, False),
        ({"end": "2020"}, False),
    ],
)
def test_an_encounter_does_not_end_before_it_starts(period: dict[str, str], is_wrong: bool) -> None:
    encounter = Encounter.model_validate({"status": "planned", "class": {"code": "AMB"}, "period": period})
    assert bool(list(encounter_ends_after_it_starts(encounter))) is is_wrong


@pytest.mark.parametrize(("start", "end", "is_wrong"), TIMES)
def test_an_appointment_does_not_end_before_it_starts(start: str, end: str, is_wrong: bool) -> None:
    told: dict[str, Any] = {"status": "booked", "participant": [{"status": "accepted"}], "start": start, "end": end}
    assert bool(list(appointment_ends_after_it_starts(Appointment.model_validate(told)))) is is_wrong


@pytest.mark.parametrize(("start", "end", "is_wrong"), TIMES)
def test_a_slot_does_not_end_before_it_starts(start: str, end: str, is_wrong: bool) -> None:
    told = {"status": "free", "schedule": {"reference": "Schedule/s"}, "start": start, "end": end}
    assert bool(list(slot_ends_after_it_starts(Slot.model_validate(told)))) is is_wrong
