"""Single-type requests: to the owner and back, byte for byte, and never with the caller's own token."""

import pytest

from bedside.gateway.federation.testing import Asked, GatewayInFront, Reply, StandIn
from bedside.identity import LoginRefused


@pytest.fixture
def patients() -> StandIn:
    return StandIn("patients")


@pytest.fixture
def encounters() -> StandIn:
    return StandIn("encounters")


@pytest.fixture
def gateway(patients: StandIn, encounters: StandIn) -> GatewayInFront:
    return GatewayInFront(patients, encounters)


@pytest.mark.parametrize(
    ("path", "owner"),
    [
        ("/Patient/p1", "patients"),
        ("/Practitioner?name=shah", "patients"),
        ("/Observation/o1/_history/2", "encounters"),
        ("/Observation?code=85354-9&_count=2", "encounters"),
        ("/Patient/p1/Observation", "encounters"),
        ("/Patient/p%C3%A9", "patients"),
    ],
)
async def test_a_request_for_one_type_goes_to_its_owner(
    gateway: GatewayInFront, patients: StandIn, encounters: StandIn, path: str, owner: str
) -> None:
    answer = await gateway.ask("GET", path)
    assert answer.status_code == 200
    by_service = {"patients": patients, "encounters": encounters}
    assert [each.path for each in by_service.pop(owner).asked] == [path[1:]]
    assert not by_service.popitem()[1].asked


@pytest.mark.parametrize(
    ("scope", "method", "path", "reached"),
    [
        ("system/Observation.s", "GET", "/Patient/p1/Observation", True),
        ("system/Observation.s", "POST", "/Patient/p1/Observation/_search", True),
        ("system/Patient.rs", "GET", "/Patient/p1/Observation", False),
        ("system/Observation.rs?category=laboratory", "GET", "/Observation?code=1", True),
        ("system/Observation.rs?category=laboratory", "GET", "/Observation/o1/_history", True),
        ("system/Observation.u?category=laboratory", "PUT", "/Observation/o1", True),
        ("system/Observation.u?category=laboratory", "GET", "/Observation/o1", False),
        ("patient/Observation.rs?category=laboratory", "GET", "/Observation", False),
    ],
)
async def test_what_a_scope_permits_on_a_part_is_for_the_owner_to_decide(
    gateway: GatewayInFront, encounters: StandIn, scope: str, method: str, path: str, reached: bool
) -> None:
    answer = await gateway.ask(method, path, scope=scope)
    assert answer.status_code == (200 if reached else 403)
    assert [each.path for each in encounters.asked] == ([path[1:]] if reached else [])


async def test_the_owner_gets_an_exchanged_token_and_not_the_callers(
    gateway: GatewayInFront, patients: StandIn
) -> None:
    answer = await gateway.ask("GET", "/Patient/p1", headers={"cookie": "session=1", "x-forwarded-for": "10.0.0.1"})
    sent = patients.asked[0].headers
    (caller_token, audience) = gateway.auth.given[0]
    assert audience == "http://127.0.0.1:8001"
    assert sent["authorization"] != f"Bearer {caller_token}"
    assert "cookie" not in sent
    assert "x-forwarded-for" not in sent
    assert answer.status_code == 200


async def test_bytes_and_the_headers_that_matter_go_through_both_ways(
    gateway: GatewayInFront, patients: StandIn
) -> None:
    body = b'{"resourceType": "Patient",  "id":"p1", "multipleBirthInteger" : 1 }'

    def answer(asked: Asked) -> Reply:
        told = {"etag": 'W/"4"', "location": "http://127.0.0.1:8000/fhir/Patient/p1/_history/4", "connection": "close"}
        return 200, told, asked.body

    patients.answer = answer
    given = await gateway.ask("PUT", "/Patient/p1", body, headers={"if-match": 'W/"3"', "prefer": "return=minimal"})
    assert given.content == body
    assert given.headers["etag"] == 'W/"4"'
    assert given.headers["location"] == "http://127.0.0.1:8000/fhir/Patient/p1/_history/4"
    assert "connection" not in given.headers
    sent = patients.asked[0]
    assert sent.body == body
    assert (sent.headers["if-match"], sent.headers["prefer"]) == ('W/"3"', "return=minimal")


async def test_a_large_body_goes_through_in_pieces(gateway: GatewayInFront, patients: StandIn) -> None:
    patients.answer = lambda asked: (201, {}, b"%d" % len(asked.body))
    answer = await gateway.ask("POST", "/Patient", b"x" * 3_000_000)
    assert (answer.status_code, answer.content) == (201, b"3000000")


async def test_a_type_nobody_owns_is_a_404_that_names_it(gateway: GatewayInFront) -> None:
    answer = await gateway.ask("GET", "/Starship/1")
    assert answer.status_code == 404
    assert "'Starship'" in answer.json()["issue"][0]["details"]["text"]


async def test_a_silent_owner_is_a_503_and_the_other_goes_on(gateway: GatewayInFront) -> None:
    gateway.silence("encounters")
    answer = await gateway.ask("GET", "/Observation/o1")
    assert answer.status_code == 503
    assert answer.json()["issue"][0]["code"] == "transient"
    assert (await gateway.ask("GET", "/Patient/p1")).status_code == 200


@pytest.mark.parametrize("header", [None, "Basic eDp5", "Bearer", "Bearer not.a.token"])
async def test_without_a_good_token_nothing_is_asked(
    gateway: GatewayInFront, patients: StandIn, header: str | None
) -> None:
    sent = {"authorization": header} if header else {}
    answer = await gateway.http.get("/fhir/Patient/p1", headers=sent)
    assert answer.status_code == 401
    assert answer.json()["resourceType"] == "OperationOutcome"
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert not patients.asked


async def test_a_token_for_another_audience_is_refused(gateway: GatewayInFront) -> None:
    token = gateway.issuer.token(audience="http://127.0.0.1:8001")
    answer = await gateway.http.get("/fhir/Patient/p1", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 401


async def test_a_token_that_auth_no_longer_exchanges_is_refused(gateway: GatewayInFront) -> None:
    gateway.auth.refuses = LoginRefused("invalid_grant")
    assert (await gateway.ask("GET", "/Patient/p1")).status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/Patient/p1", "system/Observation.rs"),
        ("GET", "/Patient", "system/Patient.r"),
        ("POST", "/Patient/_search", "system/Patient.cr"),
        ("POST", "/Patient", "system/Patient.rs"),
        ("PUT", "/Patient/p1", "system/Patient.rs"),
        ("DELETE", "/Patient/p1", "system/Patient.crus"),
    ],
)
async def test_what_no_scope_allows_is_refused_before_the_owner_is_asked(
    gateway: GatewayInFront, patients: StandIn, method: str, path: str, scope: str
) -> None:
    answer = await gateway.ask(method, path, {} if method in ("POST", "PUT") else None, scope=scope)
    assert answer.status_code == 403
    assert answer.json()["issue"][0]["code"] == "forbidden"
    assert not patients.asked


async def test_a_method_fhir_does_not_know_is_a_405(gateway: GatewayInFront) -> None:
    answer = await gateway.ask("TRACE", "/Patient/p1")
    assert answer.status_code == 405
    assert "GET" in answer.headers["allow"]


async def test_a_browser_elsewhere_may_ask(gateway: GatewayInFront) -> None:
    preflight = await gateway.http.options(
        "/fhir/Patient/p1",
        headers={
            "origin": "https://app.example",
            "access-control-request-method": "GET",
            "access-control-request-headers": "authorization",
        },
    )
    assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (200, "*")
    answer = await gateway.ask("GET", "/Patient/p1", headers={"origin": "https://app.example"})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers
