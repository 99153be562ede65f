"""What create and update both ask of the resource they are sent."""

from typing import Any

from bedside.fhir.outcome import Issue, Refused


def refuse_other_type(resource: dict[str, Any], type_name: str, at: str | None = None) -> None:
    """Refused with 400 when the body is of another type than the address."""
    if resource.get("resourceType") != type_name:
        place = at or type_name
        issue = Issue("invalid", f"resourceType must be {type_name}, as in the address", f"{place}.resourceType")
        raise Refused(400, [issue])


def refuse_other_id(resource: dict[str, Any], type_name: str, id: str, at: str | None = None) -> None:
    """Refused with 400 when the body has no id, or another than the address."""
    if resource.get("id") != id:
        raise Refused(400, [Issue("value", "id must be the id in the address", f"{at or type_name}.id")])
