"""Patches: three ways of saying how a resource changes, each applied to the version that is current when it is written.

https://hl7.org/fhir/R4/http.html#patch
"""
