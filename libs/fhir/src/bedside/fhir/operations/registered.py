"""The operations that every core service has."""

from bedside.fhir.operations.everything import ENCOUNTER_EVERYTHING, PATIENT_EVERYTHING
from bedside.fhir.operations.lastn import LASTN
from bedside.fhir.operations.meta import META, META_ADD, META_DELETE
from bedside.fhir.operations.operation import Operation
from bedside.fhir.operations.validate import VALIDATE

OPERATIONS: tuple[Operation, ...] = (
    PATIENT_EVERYTHING,
    ENCOUNTER_EVERYTHING,
    LASTN,
    META,
    META_ADD,
    META_DELETE,
    VALIDATE,
)
