"""A FHIR R4 server you declare, and its client."""
