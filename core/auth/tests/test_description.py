"""What auth says of itself is whole. That it is true as well, every answer in the tests of auth is held against it."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from bedside.auth import authorization_request
from bedside.auth.app import application
from bedside.auth.description.oauth import AUTHORIZE
from bedside.auth.endpoints.access import access_of
from core.auth.tests.describing import DESCRIPTION, described_at, holds


async def test_it_is_open_to_everybody(server: Any) -> None:
    answer = await server.get("/openapi.json", headers={"Origin": "https://anywhere.example"})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*")
    assert answer.json() == DESCRIPTION


def test_every_route_that_programs_call_is_in_it(authority: Any) -> None:
    for_people = ("public", "session")
    routes: Any = application(authority).app.routes  # type: ignore[attr-defined]
    missing = [
        (method, route.path)
        for route in routes
        if not str(access_of(route)).startswith(for_people)
        for method in sorted(route.methods)
        if method.lower() not in DESCRIPTION["paths"].get(re.sub(r":path}", "}", route.path), {})
    ]
    assert missing == []


def test_nothing_is_in_it_that_is_not_served(authority: Any) -> None:
    routes: Any = application(authority).app.routes  # type: ignore[attr-defined]
    served = {
        (method.lower(), re.sub(r":path}", "}", route.path)) for route in routes for method in route.methods or ()
    }
    told = {(method, path) for path, item in DESCRIPTION["paths"].items() for method in item if item_is(method)}
    assert told - served == set()


def item_is(name: str) -> bool:
    return name in ("get", "post", "put", "patch", "delete")


def test_its_shapes_are_json_schema() -> None:
    for name, shape in DESCRIPTION["components"]["schemas"].items():
        Draft202012Validator.check_schema(shape)
        assert name in str(DESCRIPTION["paths"]) + str(DESCRIPTION["components"]), f"{name} is used nowhere"


def test_every_parameter_that_authorize_reads_is_described() -> None:
    source = Path(authorization_request.__file__).read_text()
    read = set(re.findall(r'parameters\.(?:get|all)\("(\w+)"\)', source))
    assert len(read) > 10
    assert read - set(AUTHORIZE) == set()


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (httpx.Response(418, json={}), "is not described"),
        (httpx.Response(200, text="x", headers={"content-type": "text/plain"}), "without text/plain"),
        (httpx.Response(200, json={"access_token": 1}), "is not as described"),
    ],
)
async def test_an_answer_that_is_not_as_described_is_noticed(answer: httpx.Response, problem: str) -> None:
    answer.request = httpx.Request("POST", "http://127.0.0.1:8003/token")
    assert described_at("/token") == "/token"
    with pytest.raises(AssertionError, match=problem):
        await holds(answer)
