"""The tables of a FHIR service, revision by revision."""
