"""The physician's chart: understand this patient in ten seconds."""

from typing import Annotated

from bedside.clinical import allergies as allergy_rules
from bedside.clinical import care_team as team_rules
from bedside.clinical import encounters as encounter_rules
from bedside.clinical import medications as medication_rules
from bedside.clinical import news2 as news2_rules
from bedside.clinical import problems as problem_rules
from bedside.clinical import vitals as vital_rules
from bedside.clinical.allergies import Allergies
from bedside.clinical.care_team import Team
from bedside.clinical.directory import Directory
from bedside.clinical.disclosure import Restricted
from bedside.clinical.encounters import Encounters
from bedside.clinical.header import Header, age, header
from bedside.clinical.medications import Medications
from bedside.clinical.moments import Moment
from bedside.clinical.news2 import EarlyWarning, early_warning
from bedside.clinical.problems import ActiveProblems, InactiveProblems
from bedside.clinical.resources import (
    AllergyIntolerance,
    Appointment,
    CareTeam,
    Condition,
    Encounter,
    MedicationRequest,
    Observation,
    Patient,
    ServiceRequest,
)
from bedside.clinical.shown import Shown
from bedside.clinical.vitals import LatestVitals
from bedside.clinical.warnings import (
    allergy_warnings,
    header_warnings,
    in_order,
    medication_warnings,
    news2_warnings,
    restricted_warnings,
)
from bedside.gateway.viewing import (
    Loaded,
    Unavailable,
    by_patient,
    category,
    referring_to,
    safety,
    sections,
    view,
    whole,
)


class PhysicianChart(Shown):
    patient: Header
    allergies: Allergies
    active_problems: ActiveProblems
    inactive_problems: InactiveProblems
    medications: Medications
    latest_vitals: LatestVitals
    early_warning: EarlyWarning
    encounters: Encounters
    care_team: Team
    restricted: Restricted
    warnings: list[str]


@view("physician", "patients/{id}/chart")
def physician_chart(
    patient: Patient,
    allergies: Annotated[Loaded[AllergyIntolerance] | Unavailable, by_patient, safety],
    conditions: Annotated[
        Loaded[Condition] | Unavailable, by_patient, sections("activeProblems", "inactiveProblems", "earlyWarning")
    ],
    medications: Annotated[Loaded[MedicationRequest] | Unavailable, by_patient, safety],
    vitals: Annotated[
        Loaded[Observation] | Unavailable,
        by_patient,
        category("vital-signs"),
        sections("latestVitals", "earlyWarning"),
    ],
    encounters: Annotated[
        Loaded[Encounter] | Unavailable, by_patient, sections("encounters", "latestVitals", "earlyWarning")
    ],
    appointments: Annotated[Loaded[Appointment] | Unavailable, by_patient, sections("encounters")],
    care_team: Annotated[Loaded[CareTeam] | Unavailable, by_patient],
    orders: Annotated[Loaded[ServiceRequest] | Unavailable, by_patient, sections("earlyWarning")],
    directory: Annotated[Directory, referring_to("Practitioner", "Organization", "Location", "Medication")],
    restricted: Restricted,
    moment: Moment,
) -> PhysicianChart:
    """Understand this patient in ten seconds."""
    who = header(patient, moment)
    years = age(patient, moment)
    told_allergies = (
        allergy_rules.UNAVAILABLE
        if isinstance(allergies, Unavailable)
        else allergy_rules.allergies(allergies.items, moment, whole=allergies.complete)
    )
    told_medications = _medications(medications, conditions, directory, moment)
    warning = early_warning(_news2(vitals, encounters, conditions, orders, years, moment))
    return PhysicianChart(
        patient=who,
        allergies=told_allergies,
        active_problems=problem_rules.ACTIVE_UNAVAILABLE
        if isinstance(conditions, Unavailable)
        else problem_rules.active_problems(conditions.items, moment, whole=conditions.complete),
        inactive_problems=problem_rules.INACTIVE_UNAVAILABLE
        if isinstance(conditions, Unavailable)
        else problem_rules.inactive_problems(conditions.items, moment, whole=conditions.complete),
        medications=told_medications,
        latest_vitals=_vitals(vitals, encounters, years, moment),
        early_warning=warning,
        encounters=_encounters(encounters, appointments, directory, moment),
        care_team=team_rules.UNAVAILABLE
        if isinstance(care_team, Unavailable)
        else team_rules.care_team(care_team.items, directory, whole=care_team.complete),
        restricted=restricted,
        warnings=in_order(
            allergy_warnings(told_allergies),
            medication_warnings(told_medications),
            news2_warnings(warning),
            restricted_warnings(restricted),
            header_warnings(who),
        ),
    )


def _medications(
    medications: Loaded[MedicationRequest] | Unavailable,
    conditions: Loaded[Condition] | Unavailable,
    directory: Directory,
    moment: Moment,
) -> Medications:
    if isinstance(medications, Unavailable):
        return medication_rules.UNAVAILABLE
    reasons = [] if isinstance(conditions, Unavailable) else conditions.items
    # What a medicine is called may stand in another resource: without it, the list is not all there.
    named = directory.complete or not any("medicationReference" in item for item in medications.items)
    return medication_rules.medications(
        medications.items, reasons, directory, moment, whole=medications.complete and named
    )


def _vitals(
    vitals: Loaded[Observation] | Unavailable,
    encounters: Loaded[Encounter] | Unavailable,
    years: int | None,
    moment: Moment,
) -> LatestVitals:
    if isinstance(vitals, Unavailable):
        return vital_rules.UNAVAILABLE
    # Whether values age fast depends on where the patient is: without that, `stale` is not known.
    visits = [] if isinstance(encounters, Unavailable) else encounters.items
    return vital_rules.latest_vitals(vitals.items, visits, years, moment, whole=vitals.complete and whole(encounters))


def _news2(
    vitals: Loaded[Observation] | Unavailable,
    encounters: Loaded[Encounter] | Unavailable,
    conditions: Loaded[Condition] | Unavailable,
    orders: Loaded[ServiceRequest] | Unavailable,
    years: int | None,
    moment: Moment,
) -> news2_rules.News2:
    if (
        isinstance(vitals, Unavailable)
        or isinstance(encounters, Unavailable)
        or isinstance(conditions, Unavailable)
        or isinstance(orders, Unavailable)
    ):
        return news2_rules.unknown("unavailable")
    if not whole(vitals) or not whole(encounters) or not whole(conditions) or not whole(orders):
        return news2_rules.unknown("partial")
    return news2_rules.news2(vitals.items, encounters.items, conditions.items, orders.items, years, moment)


def _encounters(
    encounters: Loaded[Encounter] | Unavailable,
    appointments: Loaded[Appointment] | Unavailable,
    directory: Directory,
    moment: Moment,
) -> Encounters:
    if isinstance(encounters, Unavailable) and isinstance(appointments, Unavailable):
        return encounter_rules.UNAVAILABLE
    visits = [] if isinstance(encounters, Unavailable) else encounters.items
    expected = [] if isinstance(appointments, Unavailable) else appointments.items
    return encounter_rules.encounters(
        visits, expected, directory, moment, whole=whole(encounters) and whole(appointments)
    )
