"""R6: who stands by the patient."""

from collections.abc import Iterable

from bedside.clinical.concepts import codes, name_of
from bedside.clinical.names import full_name, person_name
from bedside.clinical.resources import CodeableConcept, ContactPoint, Patient, RelatedPerson
from bedside.clinical.shown import Shown
from bedside.clinical.telecom import phone

_MARKERS = {"C", "E", "GUARD"}


class ContactPerson(Shown):
    name: str | None
    relationship: str | None
    phone: str | None
    guardian: bool
    emergency_contact: bool


def contacts(patient: Patient, related: Iterable[RelatedPerson]) -> list[ContactPerson]:
    """Guardians first, then emergency contacts, then the rest, by name."""
    people = [
        _person(person_name(person.get("name")), person.get("relationship"), person.get("telecom"))
        for person in sorted(related, key=lambda person: person["id"])
        if person.get("active", True)
    ]
    people += [
        _person(full_name(person.get("name")), person.get("relationship"), person.get("telecom"))
        for person in patient.get("contact", [])
    ]
    return sorted(
        people, key=lambda person: (not person.guardian, not person.emergency_contact, person.name or "\uffff")
    )


def _person(
    name: str | None, relationships: list[CodeableConcept] | None, telecom: list[ContactPoint] | None
) -> ContactPerson:
    coded = [(codes(relationship), relationship) for relationship in relationships or []]
    reached = phone(telecom)
    return ContactPerson(
        name=name,
        relationship=next((name_of(told) for found, told in coded if not found & _MARKERS), None),
        phone=reached.get("value") if reached else None,
        # A parent is not assumed to be the guardian: only the code says so.
        guardian=any("GUARD" in found for found, _ in coded),
        emergency_contact=any("C" in found for found, _ in coded),
    )
