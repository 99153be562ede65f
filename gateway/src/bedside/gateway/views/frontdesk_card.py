"""The front desk's card: check someone in. It asks for nothing clinical, so it can show nothing clinical."""

from typing import Annotated

from bedside.clinical import appointments as appointment_rules
from bedside.clinical import coverage as coverage_rules
from bedside.clinical.appointments import Appointments, CheckIn, check_in
from bedside.clinical.contacts import ContactPerson
from bedside.clinical.contacts import contacts as contact_persons
from bedside.clinical.coverage import Covers
from bedside.clinical.directory import Directory
from bedside.clinical.header import Header, header
from bedside.clinical.moments import Moment
from bedside.clinical.resources import Appointment, Coverage, Patient, RelatedPerson
from bedside.clinical.shown import Shown
from bedside.clinical.telecom import Contact, contact
from bedside.clinical.warnings import header_warnings, in_order
from bedside.gateway.viewing import Loaded, Unavailable, by_patient, masked, referring_to, sections, view


class FrontdeskCard(Shown):
    patient: Header
    contact: Contact
    contacts: list[ContactPerson] | None
    coverage: Covers
    appointments: Appointments
    check_in: CheckIn
    general_practitioner: str | None
    warnings: list[str]


@view("frontdesk", "patients/{id}/card")
def frontdesk_card(
    patient: Patient,
    contacts: Annotated[Loaded[RelatedPerson] | Unavailable, by_patient],
    coverage: Annotated[Loaded[Coverage] | Unavailable, by_patient],
    appointments: Annotated[Loaded[Appointment] | Unavailable, by_patient, masked, sections("appointments", "checkIn")],
    directory: Annotated[Directory, referring_to("Practitioner", "Location")],
    moment: Moment,
) -> FrontdeskCard:
    """Check someone in."""
    who = header(patient, moment)
    expected = (
        appointment_rules.UNAVAILABLE
        if isinstance(appointments, Unavailable)
        else appointment_rules.appointments(appointments.items, directory, moment, whole=appointments.complete)
    )
    return FrontdeskCard(
        patient=who,
        contact=contact(patient),
        contacts=contact_persons(patient, contacts.items)
        if isinstance(contacts, Loaded) and contacts.complete
        else None,
        coverage=coverage_rules.UNAVAILABLE
        if isinstance(coverage, Unavailable)
        else coverage_rules.coverage(coverage.items, directory, moment, whole=coverage.complete),
        appointments=expected,
        # A part of the day's list may lack the very appointment that is asked about.
        check_in=check_in(expected.today)
        if expected.status == "ok" and expected.today is not None
        else appointment_rules.CHECK_IN_UNKNOWN,
        general_practitioner=directory.name(next(iter(patient.get("generalPractitioner", [])), None)),
        warnings=in_order(header_warnings(who)),
    )
