"""The profiles we hold, and whether a resource meets them: https://hl7.org/fhir/R4/profiling.html"""

from bedside.fhir.profiles.held import Profile, held
from bedside.fhir.profiles.judging import Judgement, declared, judged

__all__ = ["Judgement", "Profile", "declared", "held", "judged"]
