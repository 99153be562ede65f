"""Invariants of conditions, allergies and family history."""

from typing import Any

from bedside.fhir.validation.invariants.places import Places, codes, has, has_choice, unless

_CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
_VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
_ALLERGY_VERIFICATION = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"
_ABATED = frozenset({"resolved", "remission", "inactive"})


def con_1(stage: dict[str, Any]) -> Places:
    return unless(has(stage, "summary", "assessment"))


def con_2(evidence: dict[str, Any]) -> Places:
    return unless(has(evidence, "code", "detail"))


def con_4(condition: dict[str, Any]) -> Places:
    return unless(
        not has_choice(condition, "abatement") or bool(_ABATED & codes(condition.get("clinicalStatus"), _CLINICAL))
    )


def con_5(condition: dict[str, Any]) -> Places:
    return unless(not _is_mistaken(condition, _VERIFICATION) or "clinicalStatus" not in condition)


def ait_1(allergy: dict[str, Any]) -> Places:
    return unless(_is_mistaken(allergy, _ALLERGY_VERIFICATION) or "clinicalStatus" in allergy)


def ait_2(allergy: dict[str, Any]) -> Places:
    return unless(not _is_mistaken(allergy, _ALLERGY_VERIFICATION) or "clinicalStatus" not in allergy)


def _is_mistaken(resource: dict[str, Any], system: str) -> bool:
    return "entered-in-error" in codes(resource.get("verificationStatus"), system)


def fhs_1(history: dict[str, Any]) -> Places:
    return unless(not has_choice(history, "age") or not has_choice(history, "born"))


def fhs_2(history: dict[str, Any]) -> Places:
    return unless(has_choice(history, "age") or not has(history, "estimatedAge"))


INVARIANTS = {
    "con-1": con_1,
    "con-2": con_2,
    "con-4": con_4,
    "con-5": con_5,
    "ait-1": ait_1,
    "ait-2": ait_2,
    "fhs-1": fhs_1,
    "fhs-2": fhs_2,
}
