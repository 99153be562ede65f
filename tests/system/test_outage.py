"""A service that is away takes its part of a view with it, and nothing else."""

import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.separate import Services, separate_services
from tests.system.access import Access

pytestmark = pytest.mark.servers
UNAVAILABLE_HEADLINE = "ALLERGIES COULD NOT BE LOADED - do not assume none"


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    server = os.environ["BEDSIDE_TEST_DATABASE_URL"].rsplit("/", 1)[0]
    settings = {
        "BEDSIDE_DATABASE_URL": f"{server}/o{secrets.token_hex(4)}",
        "BEDSIDE_BROKER_URL": os.environ["BEDSIDE_TEST_BROKER_URL"],
    }
    folder: Path = tmp_path_factory.mktemp("separate")
    with separate_services(folder, settings) as running:
        yield running


def test_the_chart_answers_without_encounters_says_so_and_recovers(services: Services) -> None:
    access = Access(services.demo)
    token = access.user_token("physician")
    whole = access.view(token, "physician/patients/p1/chart")
    assert whole.status_code == 200, whole.text
    assert whole.json()["meta"]["completeness"] == "complete"

    services.stop("encounters")
    partial = access.view(token, "physician/patients/p1/chart")

    assert partial.status_code == 200, partial.text
    assert partial.headers["X-View-Completeness"] == "partial"
    shown = partial.json()
    assert shown["patient"]["name"] == "Margaret Ellen Okafor"
    assert shown["allergies"] == {
        "status": "unavailable",
        "answer": "unknown",
        "headline": UNAVAILABLE_HEADLINE,
        "conflict": None,
        "negated": None,
        "items": None,
    }
    for section in ("activeProblems", "inactiveProblems", "medications", "latestVitals", "encounters", "careTeam"):
        assert shown[section]["status"] == "unavailable", section
    assert "allergies-unavailable" in shown["warnings"]

    services.start("encounters")
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        recovered = access.view(access.user_token("physician"), "physician/patients/p1/chart").json()
        if recovered["meta"]["completeness"] == "complete":
            break
        time.sleep(0.5)
    recovered.pop("meta")
    expected = whole.json()
    expected.pop("meta")
    assert recovered == expected


def test_the_chart_needs_to_know_whose_it_is(services: Services) -> None:
    access = Access(services.demo)
    token = access.user_token("physician")
    services.stop("patients")
    try:
        refused = access.view(token, "physician/patients/p1/chart")
    finally:
        services.start("patients")

    assert refused.status_code == 503
    assert refused.json()["type"] == "urn:problem:identity-unavailable"
    assert "allergies" not in refused.json()
