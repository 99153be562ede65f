"""What was written, version by version: of one resource, of a type, of the whole service.

https://hl7.org/fhir/R4/http.html#history
"""
