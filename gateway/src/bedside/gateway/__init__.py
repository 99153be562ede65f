"""One FHIR base over the core services, and what each role needs to see."""
