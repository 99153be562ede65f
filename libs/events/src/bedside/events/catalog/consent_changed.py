"""A consent was given, changed or withdrawn."""

from typing import ClassVar

from bedside.events.catalog.declaration import EventData
from bedside.events.catalog.values import Id


class ConsentChanged(EventData):
    """The subject is the Consent."""

    routing_key: ClassVar[str] = "consent.changed.v1"
    owners: ClassVar[tuple[str, ...]] = ("patients",)

    status: Id
    """FHIR's `Consent.status`; `deleted` when the record is gone."""
    scope: Id
    """The code of `Consent.scope` in HL7's own system, as `patient-privacy`; `other` where it has none."""
