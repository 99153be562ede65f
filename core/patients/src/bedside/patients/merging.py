"""What a merge makes of two patient records, and what undoing it makes of them: resources in, resources out."""

from collections.abc import Mapping
from typing import Any

Patient = dict[str, Any]


def retired(source: Patient, target_id: str) -> Patient:
    """The source once merged: inactive, and naming its survivor."""
    link = {"other": {"reference": f"Patient/{target_id}"}, "type": "replaced-by"}
    return {**source, "active": False, "link": [*_links_but(source, "replaced-by", target_id), link]}


def surviving(target: Patient, source: Patient) -> Patient:
    """The target once merged: it names what it replaces, and has the source's identifiers, marked old."""
    link = {"other": {"reference": f"Patient/{source['id']}"}, "type": "replaces"}
    own = {_identity(identifier) for identifier in target.get("identifier", ())}
    taken = [
        {**identifier, "use": "old"} for identifier in source.get("identifier", ()) if _identity(identifier) not in own
    ]
    made = {**target, "link": [*_links_but(target, "replaces", source["id"]), link]}
    identifiers = [*target.get("identifier", ()), *taken]
    return made | ({"identifier": identifiers} if identifiers else {})


def restored(source: Patient, before: Patient, target_id: str) -> Patient:
    """The source without its merge. `before` is the version that the merge found; what was changed since is kept."""
    links = _links_but(source, "replaced-by", target_id)
    made = {name: value for name, value in source.items() if name not in ("active", "link")}
    made |= {"link": links} if links else {}
    return made | ({"active": before["active"]} if "active" in before else {})


def released(target: Patient, before: Patient, source: Patient) -> Patient:
    """The target without the merge. `before` is the version that the merge found; what was changed since is kept."""
    links = _links_but(target, "replaces", source["id"])
    own = {_identity(identifier) for identifier in before.get("identifier", ())}
    came = {_identity(identifier) for identifier in source.get("identifier", ())} - own
    identifiers = [
        identifier
        for identifier in target.get("identifier", ())
        if identifier.get("use") != "old" or _identity(identifier) not in came
    ]
    made = {name: value for name, value in target.items() if name not in ("identifier", "link")}
    return made | ({"identifier": identifiers} if identifiers else {}) | ({"link": links} if links else {})


def links_to(patient: Patient, type_code: str, id: str) -> bool:
    """Whether it has a link of that type to `Patient/id`."""
    return any(_is_link(link, type_code, id) for link in patient.get("link", ()))


def _links_but(patient: Patient, type_code: str, id: str) -> list[Any]:
    return [link for link in patient.get("link", ()) if not _is_link(link, type_code, id)]


def _is_link(link: Mapping[str, Any], type_code: str, id: str) -> bool:
    return link.get("type") == type_code and link.get("other", {}).get("reference") == f"Patient/{id}"


def _identity(identifier: Mapping[str, Any]) -> tuple[Any, Any]:
    return identifier.get("system"), identifier.get("value")
