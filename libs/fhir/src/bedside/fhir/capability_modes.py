"""`mode` of `GET metadata`: the whole statement, its normative part, or what there is of terminology.

https://hl7.org/fhir/R4/http.html#capabilities
"""

from typing import Any

from bedside.fhir.outcome import Issue, Refused

# https://hl7.org/fhir/R4/resourcelist.html, what is marked N and can be stored.
NORMATIVE = frozenset(
    {
        "Binary", "Bundle", "CapabilityStatement", "CodeSystem", "Observation", "OperationDefinition",
        "OperationOutcome", "Parameters", "Patient", "StructureDefinition", "ValueSet",
    }
)  # fmt: skip
_OF_ANY_STATEMENT = ("status", "date", "kind", "software", "implementation")


def in_mode(statement: dict[str, Any], mode: str) -> dict[str, Any]:
    """The CapabilityStatement, or for `terminology` TerminologyCapabilities. Refused for a mode R4 does not have."""
    if mode == "full":
        return statement
    if mode == "normative":
        return {**statement, "rest": [_normative(rest) for rest in statement["rest"]]}
    if mode == "terminology":
        # No code system can be asked about here: what is known of codes is judged by validation alone.
        kept = {name: statement[name] for name in _OF_ANY_STATEMENT if name in statement}
        return {"resourceType": "TerminologyCapabilities", **kept}
    raise Refused(400, [Issue("value", "Parameter mode is full, normative or terminology")])


def _normative(rest: dict[str, Any]) -> dict[str, Any]:
    resources = [resource for resource in rest.get("resource", []) if resource["type"] in NORMATIVE]
    kept = {name: part for name, part in rest.items() if name != "resource"}
    return {**kept, "resource": resources} if resources else kept
