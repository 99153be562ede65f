"""Who and where: the FHIR service for people, places and cover."""
