"""Records that a merge retired: nothing new may refer to them."""

from typing import Any

from bedside.fhir.store.references import local


def survivor_of(resource: dict[str, Any]) -> str | None:
    """`Patient/p2` when this patient was replaced by it."""
    if resource.get("resourceType") != "Patient":
        return None
    for link in resource.get("link") or ():
        if link.get("type") == "replaced-by":
            return local(link.get("other", {}).get("reference", ""))
    return None
