"""The workbench: a person signs in, finds a patient, and sees what their role may see.

It is a client of the gateway's own public API and holds no rights of its own: every page is made from what `/v1` and
`/fhir` answer to the person's token, which never reaches the browser's scripts.
"""

from bedside.gateway.workbench.routes import workbench_routes

__all__ = ["workbench_routes"]
