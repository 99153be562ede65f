"""Invariants of observations and of what is concluded from them."""

from typing import Any

from bedside.fhir.validation.invariants.places import NOWHERE, Places, has, has_choice, unless
from bedside.fhir.validation.invariants.quantities import UCUM


def obs_3(reference_range: dict[str, Any]) -> Places:
    return unless(has(reference_range, "low", "high", "text"))


def obs_6(observation: dict[str, Any]) -> Places:
    return unless("dataAbsentReason" not in observation or not has_choice(observation, "value"))


def obs_7(observation: dict[str, Any]) -> Places:
    components = observation.get("component")
    if not components or not has_choice(observation, "value"):
        return NOWHERE
    own = _codings(observation)
    return tuple(f"component[{index}].code" for index, component in enumerate(components) if own & _codings(component))


def _codings(coded: dict[str, Any]) -> set[tuple[Any, ...]]:
    codings = coded.get("code", {}).get("coding", ())
    return {
        tuple(coding.get(name) for name in ("system", "version", "code", "display", "userSelected"))
        for coding in codings
    }


def ras_1(probability: Any) -> Places:
    # The choice also has a plain decimal, of which this says nothing.
    if probability.__class__ is not dict:
        return NOWHERE
    ends = [probability[name] for name in ("low", "high") if name in probability]
    return unless(all(end.get("code") == "%" and end.get("system") == UCUM for end in ends))


def ras_2(prediction: dict[str, Any]) -> Places:
    return unless(prediction.get("probabilityDecimal", 0) <= 100)


INVARIANTS = {"obs-3": obs_3, "obs-6": obs_6, "obs-7": obs_7, "ras-1": ras_1, "ras-2": ras_2}
