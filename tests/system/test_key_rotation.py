"""Keys change while reads go on: none of them is lost, at the gateway and at the services behind it."""

import os
import secrets
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import jwt as pyjwt
import pytest

from bedside.auth.authority import Authority
from bedside.auth.installation import Installation
from bedside.auth.keys.rotation import Occasion, rotate
from bedside.service import Settings
from tests.separate import Services, separate_services
from tests.system.access import Access

NOTICE = timedelta(seconds=12)
"""Shorter than in life, and longer than any process takes to read the keys again."""
AFTER_S = 5.0
READS_MIN = 50


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    server = os.environ["BEDSIDE_TEST_DATABASE_URL"].rsplit("/", 1)[0]
    environment = {
        "BEDSIDE_DATABASE_URL": f"{server}/k{secrets.token_hex(4)}",
        "BEDSIDE_BROKER_URL": os.environ["BEDSIDE_TEST_BROKER_URL"],
    }
    with separate_services(tmp_path_factory.mktemp("separate"), environment) as running:
        yield running


@pytest.mark.slow
@pytest.mark.servers
def test_a_rotation_on_demand_loses_no_read(services: Services) -> None:
    access = Access(services.demo)
    port = httpx.URL(services.demo["gateway"]).port
    assert port is not None
    settings = Settings(
        port=port,
        data_dir=Path(services.environment["BEDSIDE_DATA_DIR"]),
        demo=True,
        database_server=services.environment["BEDSIDE_DATABASE_URL"],
    )
    authority = Authority.opened(Installation.of(settings))
    [before] = authority.signer.kids()
    rotate(authority, Occasion("shell"), notice=NOTICE)
    authority.close()
    statuses: list[int] = []
    signed_by: set[str] = set()
    began = time.monotonic()
    with httpx.Client(timeout=10) as http:
        while time.monotonic() - began < NOTICE.total_seconds() + AFTER_S:
            # Each token is new, and so is what the gateway exchanges it for.
            token = access.client_token()
            signed_by.add(_kid(token))
            for path in ("Patient/p1", "Observation?patient=p1&_count=1"):
                answer = http.get(f"{services.demo['fhir']}/{path}", headers={"Authorization": f"Bearer {token}"})
                statuses.append(answer.status_code)
            time.sleep(0.1)
    assert statuses == [200] * len(statuses)
    assert len(statuses) >= READS_MIN
    assert len(signed_by) == 2
    assert before in signed_by


def _kid(token: str) -> str:
    kid: str = pyjwt.get_unverified_header(token)["kid"]
    return kid
