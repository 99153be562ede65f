"""FHIR's RESTful interactions, one file each, and what they share: https://hl7.org/fhir/R4/http.html"""
