"""What auth serves on the FHIR base; the gateway puts it beside what the other owners say."""

from typing import Any

from bedside.auth.access_log.parameters import PARAMETERS

_DEFINITIONS = "http://hl7.org/fhir/SearchParameter"
_OF_ALL = {"_id": "Resource-id", "_lastUpdated": "Resource-lastUpdated"}
_OURS = {"purpose"}
_DOCUMENTATION = (
    "The access log: written by the platform, read by administrators; a patient's app sees what concerns that patient. "
    "Nothing else refers to it: no includes, no chains, not by a wildcard scope."
)


def capability_statement(base: str) -> dict[str, Any]:
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-01-01",
        "kind": "instance",
        "implementation": {"description": "Bedside: auth", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "application/json"],
        "rest": [{"mode": "server", "resource": [audit_event_capability()]}],
    }


def audit_event_capability() -> dict[str, Any]:
    return {
        "type": "AuditEvent",
        "documentation": _DOCUMENTATION,
        "interaction": [{"code": "read"}, {"code": "search-type"}],
        "versioning": "no-version",
        "searchParam": [_search_parameter(name, kind) for name, (kind, _) in sorted(PARAMETERS.items())],
    }


def _search_parameter(name: str, kind: str) -> dict[str, str]:
    told = {"name": name, "type": kind}
    if name in _OURS:
        return told | {"documentation": "By purposeOfEvent, for example BTG: emergency access."}
    return {"name": name, "definition": f"{_DEFINITIONS}/{_OF_ALL.get(name, f'AuditEvent-{name}')}", "type": kind}
