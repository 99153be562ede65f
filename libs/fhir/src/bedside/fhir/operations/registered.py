"""The operations that every core service has."""

from bedside.fhir.operations.operation import Operation

OPERATIONS: tuple[Operation, ...] = ()
