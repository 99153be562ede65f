"""What the patients service tells others, read off a change."""

from collections.abc import Iterator
from typing import Any

from bedside.events import Fact
from bedside.events.catalog import PatientMerged, PatientUnmerged
from bedside.fhir.declaration import Change


def merged(change: Change) -> Iterator[Fact]:
    """The `replaced-by` link appeared, or names another survivor. A later edit of a merged patient tells nothing."""
    survivor = _survivor(change.after)
    if survivor is not None and survivor != _survivor(change.before):
        changed = tuple(name for name in ("active", "link") if _differs(change, name))
        yield Fact(PatientMerged(survivor=survivor, changed=changed), subject=change.subject, version=change.version)


def unmerged(change: Change) -> Iterator[Fact]:
    """The `replaced-by` link went. A merged record that is deleted stays merged."""
    survivor = _survivor(change.before)
    if survivor is not None and change.after is not None and _survivor(change.after) is None:
        changed = tuple(name for name in ("active", "link") if _differs(change, name))
        yield Fact(PatientUnmerged(survivor=survivor, changed=changed), subject=change.subject, version=change.version)


def _survivor(patient: Any) -> str | None:
    links = (patient.link or ()) if patient is not None else ()
    for link in links:
        reference = link.other.reference if link.other is not None else None
        if link.type == "replaced-by" and reference:
            return "/".join(str(reference).split("/")[:2]) if str(reference).startswith("Patient/") else None
    return None


def _differs(change: Change, name: str) -> bool:
    return getattr(change.before, name, None) != getattr(change.after, name, None)
