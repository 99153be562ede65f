"""Errors outside the FHIR base, as problem details: https://www.rfc-editor.org/rfc/rfc9457"""

from collections.abc import Mapping
from http import HTTPStatus

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

PROBLEM_JSON = "application/problem+json"


def problem(status: int, title: str, headers: Mapping[str, str] | None = None) -> Response:
    body = orjson.dumps({"type": "about:blank", "status": status, "title": title})
    return Response(body, status, headers, PROBLEM_JSON)


async def told(request: Request, error: Exception) -> Response:
    """What the router itself refuses: an unknown path, a method that a path does not have."""
    assert isinstance(error, HTTPException), "only HTTP errors are told here"
    return problem(error.status_code, HTTPStatus(error.status_code).phrase, error.headers)
