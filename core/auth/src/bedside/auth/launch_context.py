"""What an app is told of where it was launched. Pure.

https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html#launch-context-arrives-with-your-access_token
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from bedside.identity.scopes import Scopes

STYLE_PATH = "/static/smart-style.json"
"""Where apps find the colours of the house."""


@dataclass(frozen=True)
class LaunchContext:
    """Ids are logical ids, without `Patient/` and `Encounter/`."""

    patient: str | None = None
    encounter: str | None = None
    fhir_context: tuple[Mapping[str, Any], ...] = ()
    """Other resources in question, each an object with a `reference` and perhaps a `role`."""
    intent: str | None = None
    needs_patient_banner: bool = True
    """Whether the app has to show whom it is about: False where the EHR around it does."""
    by_ehr: bool = False

    @classmethod
    def kept(cls, patient: str | None, rest: Mapping[str, Any] | None) -> "LaunchContext":
        """From what `rest` returned."""
        known = rest or {}
        return cls(
            patient=patient,
            encounter=known.get("encounter"),
            fhir_context=tuple(known.get("fhirContext", ())),
            intent=known.get("intent"),
            needs_patient_banner=known.get("need_patient_banner", True),
            by_ehr=known.get("by_ehr", False),
        )

    def rest(self) -> dict[str, Any]:
        """All but the patient, to be kept."""
        return {
            "encounter": self.encounter,
            "fhirContext": [dict(each) for each in self.fhir_context],
            "intent": self.intent,
            "need_patient_banner": self.needs_patient_banner,
            "by_ehr": self.by_ehr,
        }

    @property
    def words(self) -> frozenset[str]:
        """The launch scopes that this context can answer."""
        told = {"launch": self.by_ehr, "launch/patient": self.patient, "launch/encounter": self.encounter}
        return frozenset(word for word, is_told in told.items() if is_told)

    def within(self, granted: Scopes) -> "LaunchContext":
        """The part that these scopes let an app know; the patient also where `patient/` scopes speak of them."""
        launched = "launch" in granted.words
        about_patient = launched or "launch/patient" in granted.words or "patient" in granted.contexts
        about_encounter = launched or "launch/encounter" in granted.words
        return replace(
            self if launched else LaunchContext(patient=self.patient, encounter=self.encounter),
            patient=self.patient if about_patient else None,
            encounter=self.encounter if about_encounter else None,
        )

    def claims(self) -> dict[str, Any]:
        """What an access token says of it; services confine `patient/` scopes by it."""
        return {
            "patient": self.patient,
            "encounter": self.encounter,
            "fhirContext": [dict(each) for each in self.fhir_context] or None,
        }

    def answer(self, *, style_url: str) -> dict[str, Any]:
        """The members of a token response."""
        told = self.claims() | {
            "intent": self.intent,
            "need_patient_banner": self.needs_patient_banner if self.patient else None,
            "smart_style_url": style_url if self.by_ehr else None,
        }
        return {name: value for name, value in told.items() if value is not None}


NO_CONTEXT = LaunchContext()
