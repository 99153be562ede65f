"""R3: records that are shown nowhere."""

from bedside.clinical.concepts import status_code
from bedside.clinical.resources import AllergyIntolerance, Appointment, Condition, Observation

OBSERVED = {"final", "amended", "corrected"}
EXPECTED = {"proposed", "pending", "booked", "arrived", "checked-in", "waitlist"}


def stands(record: Condition | AllergyIntolerance) -> bool:
    """Neither refuted nor entered in error."""
    return status_code(record.get("verificationStatus")) not in ("refuted", "entered-in-error")


def is_observed(observation: Observation) -> bool:
    return observation.get("status") in OBSERVED


def is_expected(appointment: Appointment) -> bool:
    return appointment.get("status") in EXPECTED
