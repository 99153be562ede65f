"""What happened: the FHIR service for care and its records."""
