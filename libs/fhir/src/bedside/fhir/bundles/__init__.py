"""Batches and transactions: https://hl7.org/fhir/R4/http.html#transaction"""
