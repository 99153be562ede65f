"""What a caller may touch: of each type, for each interaction, everything, nothing, or portions.

https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bedside.fhir.definitions import definitions

if TYPE_CHECKING:
    from bedside.fhir.search.criteria import Criterion

Letter = Literal["c", "r", "u", "d", "s"]
"""create, read, update, delete, search: an interaction as SMART's scopes spell it."""

# Who and where care is given, and with what, is no patient's: an app of one patient may look it up, and not change it.
# Every other type outside the Patient compartment is closed to such an app.
DIRECTORY = frozenset(
    {
        "Endpoint",
        "HealthcareService",
        "Location",
        "Medication",
        "Organization",
        "OrganizationAffiliation",
        "Practitioner",
        "PractitionerRole",
        "Questionnaire",
    }
)

# Within the compartment by R4, and yet about other patients too.
_OF_SEVERAL = frozenset({"Group"})


@dataclass(frozen=True)
class Portion:
    """What lies in the compartment of `patient` (a logical id; None: anybody's) and meets all `criteria`."""

    patient: str | None = None
    criteria: tuple["Criterion", ...] = ()


EVERYTHING: tuple[Portion, ...] = (Portion(),)


class Purview:
    """`judge` says what of a type is open to an interaction: a resource has to lie in one of the portions.

    It is asked once for each. `EVERYTHING` is all, the empty tuple nothing.
    """

    def __init__(self, judge: Callable[[Letter, str], tuple[Portion, ...]]) -> None:
        self._judge = judge
        self._known: dict[tuple[Letter, str], tuple[Portion, ...]] = {}

    def portions(self, letter: Letter, type_name: str) -> tuple[Portion, ...]:
        """`type_name` is one of R4's."""
        known = self._known.get((letter, type_name))
        if known is None:
            known = self._known[letter, type_name] = self._judge(letter, type_name)
        return known

    def permits(self, letter: Letter, type_name: str) -> bool:
        """Whether there is anything of the type on which the interaction could be permitted."""
        return bool(self.portions(letter, type_name))

    def is_whole(self, letter: Letter, type_name: str) -> bool:
        """Whether the interaction is permitted on every resource of the type: then there is nothing to look up."""
        return self.portions(letter, type_name) == EVERYTHING

    def patient(self, letter: Letter, type_name: str) -> str | None:
        """The one patient in whose compartment all of it lies, a logical id."""
        patients = {portion.patient for portion in self.portions(letter, type_name)}
        return patients.pop() if len(patients) == 1 else None


def in_patient_compartment(type_name: str) -> bool:
    """Whether R4's Patient compartment has anything of this type."""
    return type_name == "Patient" or bool(definitions().compartment_parameters("Patient", type_name))


def within_compartment(
    patient: str, letter: Letter, type_name: str, criteria: "tuple[Criterion, ...]" = ()
) -> Portion | None:
    """What an app of that patient reaches of a type, a directory included; None when that is nothing."""
    if type_name in DIRECTORY:
        return Portion(None, criteria) if letter in "rs" else None
    if type_name in _OF_SEVERAL or not in_patient_compartment(type_name):
        return None
    return Portion(patient, criteria)


def of_patient(patient: str) -> Purview:
    """All that concerns one patient, and the directory."""

    def judge(letter: Letter, type_name: str) -> tuple[Portion, ...]:
        portion = within_compartment(patient, letter, type_name)
        return () if portion is None else (portion,)

    return Purview(judge)


UNCONFINED = Purview(lambda letter, type_name: EVERYTHING)
"""The service's own, who answers to nobody."""
