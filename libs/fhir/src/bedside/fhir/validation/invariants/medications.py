"""Invariants of medication and immunization."""

from typing import Any

from bedside.fhir.validation.invariants.data_types import is_after
from bedside.fhir.validation.invariants.places import Places, has, has_choice, unless


def mad_1(dosage: dict[str, Any]) -> Places:
    return unless(has(dosage, "dose") or has_choice(dosage, "rate"))


def mdd_1(dispense: dict[str, Any]) -> Places:
    handed_over, prepared = dispense.get("whenHandedOver"), dispense.get("whenPrepared")
    return unless(handed_over is None or prepared is None or not is_after(prepared, handed_over))


def imm_1(education: dict[str, Any]) -> Places:
    return unless(has(education, "documentType", "reference"))


INVARIANTS = {"mad-1": mad_1, "mdd-1": mdd_1, "imm-1": imm_1}
