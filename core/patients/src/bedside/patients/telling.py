"""What the patients service tells others, read off a change."""

from collections.abc import Iterator
from typing import Any

from bedside.events import Fact
from bedside.events.catalog import ConsentChanged, PatientMerged, PatientUnmerged, PractitionerChanged
from bedside.fhir.declaration import Change

# https://terminology.hl7.org/CodeSystem-consentscope.html
_CONSENT_SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"
_SCOPES = frozenset({"adr", "patient-privacy", "research", "treatment"})


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


def practitioner_changed(change: Change) -> Iterator[Fact]:
    """A practitioner's record appeared, went, or says otherwise whether they practise."""
    before, after = _practises(change.before), _practises(change.after)
    if before != after:
        yield Fact(PractitionerChanged(active=bool(after)), subject=change.subject, version=change.version)


def consent_changed(change: Change) -> Iterator[Fact]:
    """Every version: whom a consent permits what is in parts of it that no fact repeats."""
    told = change.after or change.before
    status = str(told.status) if change.after is not None else "deleted"
    yield Fact(ConsentChanged(status=status, scope=_scope(told)), subject=change.subject, version=change.version)


def _practises(practitioner: Any) -> bool | None:
    """None where there is no record. One that says nothing is active."""
    return None if practitioner is None else practitioner.active is not False


def _scope(consent: Any) -> str:
    codings = (consent.scope.coding or ()) if consent.scope is not None else ()
    codes = [str(coding.code) for coding in codings if coding.system == _CONSENT_SCOPE]
    # What is no code of theirs may be anything, also what somebody typed.
    return next((code for code in codes if code in _SCOPES), "other")


def _survivor(patient: Any) -> str | None:
    links = (patient.link or ()) if patient is not None else ()
    for link in links:
        reference = link.other.reference if link.other is not None else None
        if link.type == "replaced-by" and reference:
            return "/".join(str(reference).split("/")[:2]) if str(reference).startswith("Patient/") else None
    return None


def _differs(change: Change, name: str) -> bool:
    return getattr(change.before, name, None) != getattr(change.after, name, None)
