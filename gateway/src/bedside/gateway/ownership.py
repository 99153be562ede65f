"""Which core service owns which resource type: learnt from their CapabilityStatements, known by heart until then."""

from collections.abc import Iterable

PATIENTS = "patients"
ENCOUNTERS = "encounters"
SERVICES = (PATIENTS, ENCOUNTERS)
AUTH = "auth"
"""Owns the access log, which stands beside the records: no search, bundle or transaction of theirs reaches it."""


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


# What the architecture promises. It answers until an owner's own CapabilityStatement has been seen, so that a gateway
# which starts before its owners says "unavailable" and not "unknown type".
PROMISED: dict[str, frozenset[str]] = {
    PATIENTS: _names(
        "Patient RelatedPerson Person Practitioner PractitionerRole Organization OrganizationAffiliation Location "
        "HealthcareService Endpoint Coverage Consent Group"
    ),
    ENCOUNTERS: _names(
        "Encounter EpisodeOfCare Appointment AppointmentResponse Schedule Slot Observation Condition "
        "AllergyIntolerance Procedure Medication MedicationRequest MedicationStatement MedicationAdministration "
        "MedicationDispense Immunization DiagnosticReport DocumentReference Specimen ImagingStudy Media CarePlan "
        "CareTeam Goal ServiceRequest Task Communication CommunicationRequest Device DeviceRequest "
        "DeviceUseStatement Flag List Questionnaire QuestionnaireResponse FamilyMemberHistory ClinicalImpression "
        "RiskAssessment NutritionOrder SupplyDelivery SupplyRequest Claim ClaimResponse ExplanationOfBenefit Account "
        "ChargeItem Invoice Composition Provenance Binary Basic AdverseEvent DetectedIssue BodyStructure "
        "Subscription"
    ),
}


class Ownership:
    """A type has one owner; an owner's newest statement replaces what was known of it."""

    def __init__(self) -> None:
        self._types: dict[str, frozenset[str]] = dict(PROMISED)
        self._owner_of = self._inverted()

    def owner_of(self, type_name: str) -> str | None:
        return self._owner_of.get(type_name)

    def types_of(self, service: str) -> frozenset[str]:
        return self._types[service]

    def learn(self, service: str, type_names: Iterable[str]) -> None:
        self._types[service] = frozenset(type_names)
        self._owner_of = self._inverted()

    def _inverted(self) -> dict[str, str]:
        return {type_name: service for service in SERVICES for type_name in self._types[service]}
