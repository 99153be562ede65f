"""The encounters service: what happened."""

from bedside.encounters import rules
from bedside.encounters.reactions.move_encounters import move_encounters
from bedside.fhir.declaration import Owned, Service
from bedside.fhir.existence.remembering import remember_existence

_WITHOUT_RULES = ["EpisodeOfCare", "AppointmentResponse", "Schedule", "Observation", "Condition", "AllergyIntolerance", "Procedure", "Medication", "MedicationRequest", "MedicationStatement", "MedicationAdministration", "MedicationDispense", "Immunization", "DiagnosticReport", "DocumentReference", "Specimen", "ImagingStudy", "Media", "CarePlan", "CareTeam", "Goal", "ServiceRequest", "Task", "Communication", "CommunicationRequest", "Device", "DeviceRequest", "DeviceUseStatement", "Flag", "List", "Questionnaire", "QuestionnaireResponse", "FamilyMemberHistory", "ClinicalImpression", "RiskAssessment", "NutritionOrder", "SupplyDelivery", "SupplyRequest", "Claim", "ClaimResponse", "ExplanationOfBenefit", "Account", "ChargeItem", "Invoice", "Composition", "Provenance", "Binary", "Basic", "AdverseEvent", "DetectedIssue", "BodyStructure", "Subscription"]

service = Service(
    name="encounters",
    owns=(
        Owned("Encounter", rules=(rules.encounter_ends_after_it_starts,)),
        Owned("Appointment", rules=(rules.appointment_ends_after_it_starts,)),
        Owned("Slot", rules=(rules.slot_ends_after_it_starts,)),
        *(Owned(type_name) for type_name in _WITHOUT_RULES),
    ),
    reactions=(remember_existence(told_by="patients"), move_encounters),
)
