"""The patients of a Group, as an export of it takes them."""

from typing import Any

from bedside.fhir.bulk.asked import PATIENTS_MAX
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.store.references import local


def members_of(group: dict[str, Any], base_url: str) -> tuple[str, ...]:
    """Logical ids of its active members, each once. Refused (400) when there are more than an export can name.

    `group` is valid; `base_url` is where our own references begin.
    """
    said = [
        member.get("entity", {}).get("reference", "").removeprefix(f"{base_url}/")
        for member in group.get("member", ())
        if not member.get("inactive", False)
    ]
    found = (local(reference) for reference in said)
    ids = [key.partition("/")[2] for key in found if key is not None and key.startswith("Patient/")]
    members = tuple(dict.fromkeys(ids))
    if len(members) > PATIENTS_MAX:
        text = f"an export is of at most {PATIENTS_MAX} patients: split the group, or export all patients"
        raise Refused(400, [Issue("too-costly", text, "Group.member")])
    return members
