"""Whether a resource is valid FHIR R4, and if not, everything that is wrong with it."""

from bedside.fhir.validation.resources import validate

__all__ = ["validate"]
