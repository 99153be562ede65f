"""The people, places and things that records refer to, by reference."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from bedside.clinical.concepts import codes, name_of
from bedside.clinical.names import person_name, professional_name
from bedside.clinical.resources import CodeableConcept, ContactPoint, Reference, Resource
from bedside.clinical.telecom import phone


@dataclass(frozen=True)
class Directory:
    """`complete` is false when something referred to could not be loaded: a missing name is then not known."""

    entries: Mapping[str, Resource] = field(default_factory=dict)
    complete: bool = True

    @classmethod
    def of(cls, resources: Iterable[Any], *, complete: bool = True) -> "Directory":
        return cls({f"{item['resourceType']}/{item['id']}": item for item in resources}, complete)

    def find(self, reference: Reference | None) -> Resource | None:
        return self.entries.get(local(reference) or "")

    def name(self, reference: Reference | None) -> str | None:
        """What the resource calls itself, else what the reference calls it."""
        found = self.find(reference)
        return (_name(found) if found else None) or (reference or {}).get("display")

    def phone(self, reference: Reference | None) -> str | None:
        found = self.find(reference)
        chosen = phone(cast("list[ContactPoint]", found.get("telecom"))) if found else None
        return chosen.get("value") if chosen else None

    def physical_type(self, reference: Reference | None) -> str | None:
        """The code of a Location: bd, ro, wa…"""
        found = self.find(reference)
        return next(iter(sorted(codes(cast("CodeableConcept | None", (found or {}).get("physicalType"))))), None)


def local(reference: Reference | None) -> str | None:
    """`Practitioner/dr-shah`, whether it was written relative, absolute or with a version."""
    written = (reference or {}).get("reference")
    if not written or written.startswith(("#", "urn:")):
        return None
    parts = written.split("/_history/")[0].rsplit("/", 2)
    return "/".join(parts[-2:]) if len(parts) >= 2 else None


def type_of(reference: Reference | None) -> str | None:
    found = local(reference)
    return found.split("/")[0] if found else None


def _name(resource: Resource) -> str | None:
    kind = resource["resourceType"]
    if kind == "Practitioner":
        return professional_name(resource.get("name"))
    if kind in ("Patient", "RelatedPerson"):
        return person_name(resource.get("name"))
    if kind == "Medication":
        return name_of(resource.get("code"))
    written = resource.get("name")
    return written if isinstance(written, str) else None
