"""What auth serves, as OpenAPI 3.1: everything that programs call. Pages for people are not in it.

The tests hold every answer of every test of auth against it, so that it stays true.
"""

from typing import Any

from bedside.auth.description.clients import CLIENTS
from bedside.auth.description.oauth import OAUTH
from bedside.auth.description.records import RECORDS
from bedside.auth.description.shapes import SHAPES

__all__ = ["described"]


def described(issuer: str) -> dict[str, Any]:
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Bedside auth",
            "version": "1",
            "description": "The OAuth 2.0, OpenID Connect and SMART App Launch 2.2 server, the directory by SCIM 2.0,"
            " and the access log.",
        },
        "servers": [{"url": issuer}],
        "paths": {**OAUTH, **CLIENTS, **RECORDS},
        "components": {
            "schemas": SHAPES,
            "securitySchemes": {
                "client_secret": {"type": "http", "scheme": "basic"},
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
        },
    }
