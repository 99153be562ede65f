"""Refusals as problem details, by stable names: https://www.rfc-editor.org/rfc/rfc9457"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

PROBLEM_JSON = "application/problem+json"


class Refusal(Exception):
    """`name` becomes `urn:problem:{name}`. Nothing in it may come from a record."""

    def __init__(
        self,
        status: int,
        name: str,
        title: str,
        members: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(name)
        self.status = status
        self.type = name if name == "about:blank" else f"urn:problem:{name}"
        self.title = title
        self.members = dict(members or {})
        self.headers = dict(headers or {})


def refused(refusal: Refusal) -> Response:
    body = {"type": refusal.type, "status": refusal.status, "title": refusal.title, **refusal.members}
    # A refusal may end any moment: a retry must not be answered by a copy of it.
    headers = {"Cache-Control": "no-store", **refusal.headers}
    return Response(orjson.dumps(body), refusal.status, headers, PROBLEM_JSON)


async def told(request: Request, error: Exception) -> Response:
    if isinstance(error, Refusal):
        return refused(error)
    assert isinstance(error, HTTPException), "only refusals are told here"
    phrase = HTTPStatus(error.status_code).phrase
    return refused(Refusal(error.status_code, "about:blank", phrase, headers=error.headers))
