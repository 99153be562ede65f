"""A FHIR R4 server that a service declares, and its client."""
