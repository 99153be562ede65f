"""The banner on every clinical screen: who this is, where, and what must not be given."""

from typing import Annotated

from bedside.clinical import allergies as allergy_rules
from bedside.clinical.allergies import Answer
from bedside.clinical.directory import Directory
from bedside.clinical.disclosure import Restricted
from bedside.clinical.encounters import current_encounter, place
from bedside.clinical.header import Header, header
from bedside.clinical.moments import Moment
from bedside.clinical.resources import AllergyIntolerance, Encounter, Patient
from bedside.clinical.shown import Shown, Status
from bedside.clinical.warnings import allergy_warnings, header_warnings, in_order, restricted_warnings
from bedside.gateway.viewing import Loaded, Unavailable, by_patient, referring_to, safety, sections, view


class AllergyHeadline(Shown):
    status: Status
    answer: Answer
    headline: str


class Banner(Shown):
    patient: Header
    where: str | None
    allergies: AllergyHeadline
    restricted: Restricted
    warnings: list[str]


@view(("physician", "nurse", "pharmacist"), "patients/{id}/banner")
def banner(
    patient: Patient,
    allergies: Annotated[Loaded[AllergyIntolerance] | Unavailable, by_patient, safety],
    encounters: Annotated[Loaded[Encounter] | Unavailable, by_patient, sections("where")],
    directory: Annotated[Directory, referring_to("Location")],
    restricted: Restricted,
    moment: Moment,
) -> Banner:
    """Who this is, where they are, and what must not be given."""
    who = header(patient, moment)
    told = (
        allergy_rules.UNAVAILABLE
        if isinstance(allergies, Unavailable)
        else allergy_rules.allergies(allergies.items, moment, whole=allergies.complete)
    )
    here = None if isinstance(encounters, Unavailable) else current_encounter(encounters.items, moment)
    return Banner(
        patient=who,
        where=place(here, directory) if here else None,
        allergies=AllergyHeadline(status=told.status, answer=told.answer, headline=told.headline),
        restricted=restricted,
        warnings=in_order(allergy_warnings(told), restricted_warnings(restricted), header_warnings(who)),
    )
