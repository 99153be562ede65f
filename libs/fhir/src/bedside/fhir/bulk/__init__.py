"""Bulk export: all of many resources as NDJSON, in the background. https://hl7.org/fhir/uv/bulkdata/STU2/export.html

No file is ever written. A job freezes the transaction up to which it sees, and cuts what is to be exported into files
by version number; a file is read from the database while it is downloaded. Versions are kept, so a file is the same
whenever, and from whichever replica, it is asked for.
"""
