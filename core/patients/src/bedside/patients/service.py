"""The patients service: who and where."""

from bedside.fhir.declaration import Owned, Service
from bedside.fhir.existence.remembering import remember_existence
from bedside.patients import rules, telling
from bedside.patients.operations.match import MATCH
from bedside.patients.operations.merge import MERGE
from bedside.patients.operations.unmerge import UNMERGE

service = Service(
    name="patients",
    owns=(
        Owned(
            "Patient",
            rules=(rules.born_before_dying, rules.has_one_current_mrn),
            tells=(telling.merged, telling.unmerged),
        ),
        Owned("RelatedPerson"),
        Owned("Person"),
        Owned("Practitioner", tells=(telling.practitioner_changed,)),
        Owned("PractitionerRole"),
        Owned("Organization"),
        Owned("OrganizationAffiliation"),
        Owned("Location"),
        Owned("HealthcareService"),
        Owned("Endpoint"),
        Owned("Coverage", rules=(rules.coverage_ends_after_it_starts,)),
        Owned("Consent", tells=(telling.consent_changed,)),
        Owned("Group"),
    ),
    reactions=(remember_existence(told_by="encounters"),),
    operations=(MATCH, MERGE, UNMERGE),
)
