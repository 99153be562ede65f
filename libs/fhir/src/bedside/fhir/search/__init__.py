"""FHIR search: from a resource to index rows, from a query to SQL, from rows to a page."""
