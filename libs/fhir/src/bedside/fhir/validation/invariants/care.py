"""Invariants of planned and ordered care."""

from typing import Any

from bedside.fhir.validation.invariants.places import Places, has, has_choice, unless


def cpl_3(activity: dict[str, Any]) -> Places:
    return unless(not (has(activity, "detail") and has(activity, "reference")))


def ctm_1(participant: dict[str, Any]) -> Places:
    member = participant.get("member", {}).get("reference", "")
    # What a urn or a contained id resolves to is not known here.
    is_known = "/" in member and not member.startswith("urn:")
    return unless("onBehalfOf" not in participant or not is_known or "Practitioner/" in member)


def gol_1(target: dict[str, Any]) -> Places:
    return unless(not has_choice(target, "detail") or has(target, "measure"))


def prr_1(request: dict[str, Any]) -> Places:
    return unless("orderDetail" not in request or has(request, "code"))


INVARIANTS = {"cpl-3": cpl_3, "ctm-1": ctm_1, "gol-1": gol_1, "prr-1": prr_1}
