"""Operations: where they answer, what they take, and how they say no."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.responses import Response

from bedside.events.database import Database
from bedside.fhir.declaration import Owned, Service
from bedside.fhir.operations.answering import answered
from bedside.fhir.operations.arguments import Arguments
from bedside.fhir.operations.operation import Operation, Parameter
from bedside.fhir.rest.exchange import Exchange
from bedside.fhir.rest.testing import Served, served


async def _echo(exchange: Exchange, arguments: Arguments) -> Response:
    said = {name: list(values) for name, values in arguments.values.items()}
    text = repr((exchange.type_name, exchange.id, said, list(arguments.criteria)))
    return answered(exchange, {"resourceType": "Basic", "code": {"text": text}})


ECHO = Operation(
    "echo", "http://example.org/echo", ("system", "type", "instance"), _echo, ("r",), types=("Patient", "Encounter"),
    parameters=(
        Parameter("count", "positiveInt"), Parameter("flag", "boolean"), Parameter("since", "instant"),
        Parameter("kind", "code", repeats=True), Parameter("who", "Identifier"), Parameter("resource", "Patient"),
    ),
)  # fmt: skip
NEEDY = Operation(
    "needy", "http://example.org/needy", ("type",), _echo, ("u",), parameters=(Parameter("word", "string", True),),
    affects_state=True,
)  # fmt: skip
ASKING = Operation("asking", "http://example.org/asking", ("type",), _echo, ("s",), takes_criteria=True)


@pytest.fixture
async def server(database: Database) -> AsyncIterator[Served]:
    service = Service("patients", (Owned("Patient"), Owned("Observation")), operations=(ECHO, NEEDY, ASKING))
    async with served(service, database) as running:
        yield running


def sent(*given: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Parameters", "parameter": list(given)}


def told(response: Any) -> str:
    assert response.status_code == 200, response.text
    text: str = response.json()["code"]["text"]
    return text


async def test_an_operation_answers_at_every_declared_level_by_get_and_by_post(server: Served) -> None:
    places = {}
    for address in ("$echo", "Patient/$echo", "Patient/p1/$echo", "Encounter/e1/$echo"):
        places[address] = told(await server.http.get(f"/fhir/{address}"))
        assert told(await server.http.post(f"/fhir/{address}", content=b"")) == places[address]
    assert places == {
        "$echo": "('', '', {}, [])",
        "Patient/$echo": "('Patient', '', {}, [])",
        "Patient/p1/$echo": "('Patient', 'p1', {}, [])",
        "Encounter/e1/$echo": "('Encounter', 'e1', {}, [])",
    }


@pytest.mark.parametrize(
    "address",
    ["$nothing", "Patient/$nothing", "Patient/p1/$nothing", "Observation/$echo", "Patient/p1/$needy", "Banana/$echo"],
)
async def test_an_operation_that_is_not_there_is_not_supported(server: Served, address: str) -> None:
    for answer in (await server.http.get(f"/fhir/{address}"), await server.http.post(f"/fhir/{address}")):
        assert (answer.status_code, answer.json()["issue"][0]["code"]) == (404, "not-supported")


async def test_an_operation_that_affects_state_is_not_got(server: Served) -> None:
    answer = await server.http.get("/fhir/Patient/$needy?word=x")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_arguments_come_from_the_query_or_from_parameters_with_their_types(server: Served) -> None:
    by_get = await server.http.get(
        "/fhir/$echo?count=3&flag=true&since=2026-01-15T10:30:00Z&kind=a&kind=b&_pretty=true"
    )
    body = sent(
        {"name": "count", "valuePositiveInt": 3},
        {"name": "flag", "valueBoolean": True},
        {"name": "since", "valueInstant": "2026-01-15T10:30:00Z"},
        {"name": "kind", "valueCode": "a"},
        {"name": "kind", "valueCode": "b"},
    )
    by_post = await server.http.post("/fhir/$echo", json=body)
    expected = {"count": [3], "flag": [True], "since": ["2026-01-15T10:30:00Z"], "kind": ["a", "b"]}
    assert told(by_get) == told(by_post) == repr(("", "", expected, []))


async def test_a_query_beside_a_posted_body_counts_too(server: Served) -> None:
    answer = await server.http.post("/fhir/$echo?count=3", json=sent({"name": "flag", "valueBoolean": False}))
    assert told(answer) == repr(("", "", {"count": [3], "flag": [False]}, []))


async def test_a_bare_resource_is_the_one_parameter_that_is_a_resource(server: Served) -> None:
    patient = {"resourceType": "Patient", "active": True}
    bare = await server.http.post("/fhir/Patient/$echo?count=1", json=patient)
    wrapped = await server.http.post(
        "/fhir/Patient/$echo?count=1", json=sent({"name": "resource", "resource": patient})
    )
    assert told(bare) == told(wrapped) == repr(("Patient", "", {"count": [1], "resource": [patient]}, []))


@pytest.mark.parametrize(
    ("query", "body", "says"),
    [
        ("banana=1", None, "Parameter banana is not one of this operation"),
        ("count=0", None, "Parameter count must be"),
        ("count=x", None, "Parameter count must be"),
        ("count=99999999999999999999", None, "Parameter count must be"),
        ("count=1&count=2", None, "Parameter count is given more than once"),
        ("flag=yes", None, "Parameter flag must be true or false"),
        ("since=2026", None, "Parameter since must be an instant"),
        ("who=a|b", None, "Parameter who is of type Identifier"),
        ("", sent({"name": "count", "valueString": "3"}), "Parameter count is given as valuePositiveInt"),
        ("", sent({"name": "count", "valuePositiveInt": -3}), "Parameter count must be"),
        ("", sent({"name": "banana", "valueString": "3"}), "Parameter banana is not one of this operation"),
        ("", sent({"name": "count", "part": [{"name": "x", "valueString": "y"}]}), "Parameter count is given as"),
        ("", sent({"name": "resource", "resource": {"resourceType": "Group"}}), "Parameter resource is a resource of"),
        ("", sent({"name": "resource", "resource": 3}), "Parameter resource is a resource"),
        ("", sent({"name": "who", "valueIdentifier": {"banana": 1}}), "banana"),
        ("", sent({"valueString": "x"}), "name"),
        ("", {"resourceType": "Parameters", "parameter": {}}, "parameter is an array"),
        ("", {"resourceType": "Group", "type": "person"}, "Parameter resource is a resource of type Patient"),
        ("", {}, "resourceType"),
        ("", [1], "JSON object"),
    ],
)
async def test_what_an_operation_does_not_take_is_refused_by_name(
    server: Served, query: str, body: Any, says: str
) -> None:
    method = "GET" if body is None else "POST"
    answer = await server.http.request(method, f"/fhir/Patient/$echo?{query}", json=body)
    assert answer.status_code == 400
    assert says in answer.text


async def test_what_an_operation_needs_is_asked_for_by_name(server: Served) -> None:
    answer = await server.http.post("/fhir/Patient/$needy")
    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (400, "required")
    assert "word" in answer.text


async def test_an_operation_may_take_the_criteria_of_a_search(server: Served) -> None:
    by_get = await server.http.get("/fhir/Patient/$asking?name=x&birthdate=gt1990")
    by_post = await server.http.post(
        "/fhir/Patient/$asking?name=x", json=sent({"name": "birthdate", "valueString": "gt1990"})
    )
    assert told(by_get) == told(by_post) == repr(("Patient", "", {}, [("name", "x"), ("birthdate", "gt1990")]))


@pytest.mark.parametrize(
    ("scope", "method", "address", "status"),
    [
        ("system/Patient.r", "GET", "Patient/$echo", 200),
        ("system/Encounter.r", "GET", "Encounter/$echo", 200),
        ("system/Patient.s", "GET", "Patient/$echo", 403),
        ("system/Patient.rs", "POST", "Patient/$needy", 403),
        ("system/Observation.u", "POST", "Patient/$needy", 403),
    ],
)
async def test_an_operation_asks_for_its_scopes(
    server: Served, scope: str, method: str, address: str, status: int
) -> None:
    answer = await server.http.request(method, f"/fhir/{address}", headers=server.as_caller(scope))
    assert answer.status_code == status


async def test_the_capability_statement_tells_of_each_operation_where_it_answers(server: Served) -> None:
    rest = (await server.http.get("/fhir/metadata")).json()["rest"][0]
    of_type = {each["type"]: each.get("operation", []) for each in rest["resource"]}
    assert {"name": "echo", "definition": "http://example.org/echo"} in rest["operation"]
    assert "needy" not in {each["name"] for each in rest["operation"]}
    named = {type_name: {each["name"] for each in told} for type_name, told in of_type.items()}
    assert {"echo", "needy", "asking"} <= named["Patient"]
    assert named["Observation"] & {"echo", "needy", "asking"} == {"needy", "asking"}


async def test_a_body_that_is_not_fhir_json_is_not_taken(server: Served) -> None:
    answer = await server.http.post("/fhir/$echo", content=b"count=3", headers={"content-type": "text/plain"})
    assert answer.status_code == 415
