"""Asking the services behind the gateway."""

import pytest

from bedside.gateway.federation.breaker import FAILURES_MAX, PAUSE_S, Breaker
from bedside.gateway.federation.testing import PUBLIC, GatewayInFront, StandIn
from bedside.gateway.owners import Unreachable


async def test_an_owner_is_asked_below_its_base_with_a_token_of_its_own() -> None:
    patients = StandIn("patients")
    front = GatewayInFront(patients, StandIn("encounters"))
    answer = await front.base.owners.request(
        "patients", "GET", "Patient?name=x", bearer=front.issuer.token(), headers=[("Accept", "application/fhir+json")]
    )
    assert (answer.status, answer.json()) == (200, {"resourceType": "Basic"})
    assert patients.asked[0].path == "Patient?name=x"
    assert patients.asked[0].headers["accept"] == "application/fhir+json"


async def test_an_owner_that_is_down_is_unreachable() -> None:
    front = GatewayInFront(StandIn("patients"), StandIn("encounters"))
    front.silence("encounters")
    with pytest.raises(Unreachable) as problem:
        await front.base.owners.request("encounters", "GET", "Observation/1", bearer=front.issuer.token())
    assert problem.value.service == "encounters"


async def test_a_link_of_a_page_leads_back_to_the_owner() -> None:
    owners = GatewayInFront(StandIn("patients"), StandIn("encounters")).base.owners
    assert owners.below_base(f"{PUBLIC}/Observation?_page=abc") == "Observation?_page=abc"
    assert owners.below_base("Patient/p1") == "Patient/p1"


def test_a_breaker_lets_one_try_per_pause_once_it_has_seen_enough() -> None:
    now = 0.0
    breaker = Breaker(lambda: now)
    for _ in range(FAILURES_MAX):
        assert breaker.admits()
        breaker.failed()
    assert not breaker.admits()
    now += PAUSE_S
    assert breaker.admits()
    assert not breaker.admits()
    breaker.succeeded()
    assert breaker.admits()
