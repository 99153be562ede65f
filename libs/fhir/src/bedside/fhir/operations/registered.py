"""The operations that every core service has."""

from bedside.fhir.operations.operation import Operation
from bedside.fhir.operations.validate import VALIDATE

OPERATIONS: tuple[Operation, ...] = (VALIDATE,)
