"""The parts of FHIR resources that the rules read, as typed dictionaries: JSON as it came, nothing built.

Nothing is built before it is read, dates and decimals stay as recorded, and a misspelt element is still an error of
the type checker (DECISIONS.md, 5). Elements that no rule reads are not named here.
"""

from typing import Any, TypedDict

Resource = dict[str, Any]
"""Any resource; what is known of it is its `resourceType`."""


class Coding(TypedDict, total=False):
    system: str
    code: str
    display: str


class CodeableConcept(TypedDict, total=False):
    coding: list[Coding]
    text: str


class Reference(TypedDict, total=False):
    reference: str
    display: str


class Period(TypedDict, total=False):
    start: str
    end: str


class Quantity(TypedDict, total=False):
    value: int | float
    unit: str
    system: str
    code: str
    comparator: str


class Identifier(TypedDict, total=False):
    use: str
    type: CodeableConcept
    system: str
    value: str


class HumanName(TypedDict, total=False):
    use: str
    text: str
    family: str
    given: list[str]
    prefix: list[str]


class ContactPoint(TypedDict, total=False):
    system: str
    use: str
    value: str
    rank: int


class Address(TypedDict, total=False):
    use: str
    text: str
    line: list[str]
    city: str
    postalCode: str
    country: str


class Extension(TypedDict, total=False):
    url: str
    valueBoolean: bool


class Meta(TypedDict, total=False):
    versionId: str
    lastUpdated: str
    security: list[Coding]


class Identified(TypedDict, total=False):
    resourceType: str
    id: str
    meta: Meta
    extension: list[Extension]


class Communication(TypedDict, total=False):
    language: CodeableConcept
    preferred: bool


class PatientContact(TypedDict, total=False):
    relationship: list[CodeableConcept]
    name: HumanName
    telecom: list[ContactPoint]


class PatientLink(TypedDict, total=False):
    other: Reference
    type: str


class Patient(Identified, total=False):
    active: bool
    identifier: list[Identifier]
    name: list[HumanName]
    telecom: list[ContactPoint]
    gender: str
    birthDate: str
    deceasedBoolean: bool
    deceasedDateTime: str
    address: list[Address]
    communication: list[Communication]
    contact: list[PatientContact]
    generalPractitioner: list[Reference]
    link: list[PatientLink]


class RelatedPerson(Identified, total=False):
    active: bool
    relationship: list[CodeableConcept]
    name: list[HumanName]
    telecom: list[ContactPoint]


class Practitioner(Identified, total=False):
    name: list[HumanName]
    telecom: list[ContactPoint]


class Coverage(Identified, total=False):
    status: str
    type: CodeableConcept
    subscriberId: str
    subscriber: Reference
    period: Period
    payor: list[Reference]


class Reaction(TypedDict, total=False):
    manifestation: list[CodeableConcept]
    severity: str


class AllergyIntolerance(Identified, total=False):
    clinicalStatus: CodeableConcept
    verificationStatus: CodeableConcept
    type: str
    category: list[str]
    criticality: str
    code: CodeableConcept
    onsetDateTime: str
    reaction: list[Reaction]


class Condition(Identified, total=False):
    clinicalStatus: CodeableConcept
    verificationStatus: CodeableConcept
    category: list[CodeableConcept]
    code: CodeableConcept
    onsetDateTime: str
    abatementDateTime: str
    recordedDate: str


class Repeat(TypedDict, total=False):
    frequency: int
    period: int | float
    periodUnit: str


class Timing(TypedDict, total=False):
    repeat: Repeat
    code: CodeableConcept


class DoseRange(TypedDict, total=False):
    low: Quantity
    high: Quantity


class DoseAndRate(TypedDict, total=False):
    doseQuantity: Quantity
    doseRange: DoseRange


class Dosage(TypedDict, total=False):
    text: str
    timing: Timing
    asNeededBoolean: bool
    asNeededCodeableConcept: CodeableConcept
    route: CodeableConcept
    doseAndRate: list[DoseAndRate]


class DispenseRequest(TypedDict, total=False):
    validityPeriod: Period


class MedicationRequest(Identified, total=False):
    status: str
    intent: str
    statusReason: CodeableConcept
    doNotPerform: bool
    reportedBoolean: bool
    reportedReference: Reference
    medicationCodeableConcept: CodeableConcept
    medicationReference: Reference
    contained: list[Resource]
    authoredOn: str
    requester: Reference
    reasonCode: list[CodeableConcept]
    reasonReference: list[Reference]
    dosageInstruction: list[Dosage]
    dispenseRequest: DispenseRequest


class ReferenceRange(TypedDict, total=False):
    low: Quantity
    high: Quantity


class Component(TypedDict, total=False):
    code: CodeableConcept
    valueQuantity: Quantity
    interpretation: list[CodeableConcept]
    referenceRange: list[ReferenceRange]


class Observation(Identified, total=False):
    status: str
    code: CodeableConcept
    effectiveDateTime: str
    effectiveInstant: str
    effectivePeriod: Period
    valueQuantity: Quantity
    valueCodeableConcept: CodeableConcept
    interpretation: list[CodeableConcept]
    referenceRange: list[ReferenceRange]
    component: list[Component]


class EncounterParticipant(TypedDict, total=False):
    type: list[CodeableConcept]
    individual: Reference


class EncounterLocation(TypedDict, total=False):
    location: Reference
    status: str


# `class` is a word of Python too, so this one is written as a call.
Encounter = TypedDict(
    "Encounter",
    {
        "resourceType": str,
        "id": str,
        "meta": Meta,
        "status": str,
        "class": Coding,
        "type": list[CodeableConcept],
        "participant": list[EncounterParticipant],
        "period": Period,
        "reasonCode": list[CodeableConcept],
        "location": list[EncounterLocation],
    },
    total=False,
)


class AppointmentParticipant(TypedDict, total=False):
    actor: Reference
    status: str


class Appointment(Identified, total=False):
    status: str
    serviceType: list[CodeableConcept]
    reasonCode: list[CodeableConcept]
    start: str
    end: str
    participant: list[AppointmentParticipant]


class TeamMember(TypedDict, total=False):
    role: list[CodeableConcept]
    member: Reference


class CareTeam(Identified, total=False):
    status: str
    participant: list[TeamMember]


class ServiceRequest(Identified, total=False):
    status: str
    intent: str
    category: list[CodeableConcept]
    code: CodeableConcept
    authoredOn: str
