"""What must be true of care and its records, beyond what FHIR itself demands."""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from bedside.fhir.outcome import Issue

if TYPE_CHECKING:
    from fhir.resources.R4B.appointment import Appointment
    from fhir.resources.R4B.encounter import Encounter
    from fhir.resources.R4B.slot import Slot


def encounter_ends_after_it_starts(encounter: "Encounter") -> Iterator[Issue]:
    period = encounter.period
    if period is not None and _is_before(period.end, period.start):
        yield Issue("business-rule", "an encounter ends after it starts", "Encounter.period.end")


def appointment_ends_after_it_starts(appointment: "Appointment") -> Iterator[Issue]:
    if _is_before(appointment.end, appointment.start):
        yield Issue("business-rule", "an appointment ends after it starts", "Appointment.end")


def slot_ends_after_it_starts(slot: "Slot") -> Iterator[Issue]:
    if _is_before(slot.end, slot.start):
        yield Issue("business-rule", "a slot ends after it starts", "Slot.end")


def _is_before(late: object, early: object) -> bool:
    """Whether `late` is certainly before `early`. Partial dates, which come as text, prove nothing."""
    if not isinstance(late, datetime) or not isinstance(early, datetime):
        return False
    return late.tzinfo is not None and early.tzinfo is not None and late < early
