"""One FHIR base over the services that own its resource types."""
