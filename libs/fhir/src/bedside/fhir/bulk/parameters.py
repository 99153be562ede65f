"""What a kick-off by POST says: https://hl7.org/fhir/uv/bulkdata/STU2/export.html#query-parameters"""

from collections.abc import Sequence
from typing import Any

from bedside.fhir.outcome import Issue, Refused


def pairs_in(sent: dict[str, Any]) -> list[tuple[str, str]]:
    """Names and values as the query would have them. Refused (400) when it is no Parameters resource of text."""
    parameters = sent.get("parameter", [])
    if sent.get("resourceType") != "Parameters" or not isinstance(parameters, list):
        raise Refused(400, [Issue("structure", "send a Parameters resource", "Parameters")])
    return [_pair(each, place) for place, each in enumerate(parameters)]


def parameters_of(pairs: Sequence[tuple[str, str]], patients: Sequence[str]) -> dict[str, Any]:
    """The Parameters resource that says as much; `patients` are logical ids."""
    said = [{"name": name, "valueString": value} for name, value in pairs]
    named = [{"name": "patient", "valueReference": {"reference": f"Patient/{each}"}} for each in patients]
    return {"resourceType": "Parameters", "parameter": [*said, *named]}


def _pair(parameter: Any, place: int) -> tuple[str, str]:
    at = f"Parameters.parameter[{place}]"
    if not isinstance(parameter, dict) or not isinstance(parameter.get("name"), str):
        raise Refused(400, [Issue("required", "a parameter has a name", at)])
    value = next((each for name, each in parameter.items() if name.startswith("value")), None)
    if isinstance(value, dict):
        value = value.get("reference")
    if not isinstance(value, str):
        raise Refused(400, [Issue("value", "a parameter of an export has a value of text, or a reference", at)])
    return parameter["name"], value
