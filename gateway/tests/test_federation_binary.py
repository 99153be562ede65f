"""Content of any type through the FHIR base: byte for byte, both ways."""

from pathlib import Path

import pytest

from bedside.encounters.service import service
from bedside.fhir.app import fhir_app
from bedside.fhir.store.testing import fresh_database
from bedside.gateway.federation.testing import ADDRESSES, PUBLIC, GatewayInFront, StandIn
from bedside.gateway.ownership import ENCOUNTERS, PATIENTS
from bedside.identity.testing import TestIssuer

IMAGE = bytes(range(256)) * 2000


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n\x00\xff", IMAGE], ids=["small", "large"])
async def test_content_passes_the_base_as_it_is(tmp_path: Path, content: bytes) -> None:
    issuer = TestIssuer()
    async with fresh_database("sqlite", tmp_path) as database:
        owner = fhir_app(
            service,
            database=database,
            verifier=issuer.verifier(ADDRESSES[ENCOUNTERS]),
            base_url=PUBLIC,
            address=ADDRESSES[ENCOUNTERS],
            check_references=False,
        )
        gateway = GatewayInFront(StandIn(PATIENTS), owner, issuer)
        sent = {"content-type": "image/png", "x-security-context": "Patient/p1", "accept": "*/*"}
        created = await gateway.ask("POST", "/Binary", content, headers=sent)
        assert created.status_code == 201, created.text
        place = "/Binary/" + created.json()["id"]
        read = await gateway.ask("GET", place, headers={"accept": "image/png"})
        resource = await gateway.ask("GET", place, headers={"accept": "application/fhir+json"})
    assert (read.headers["content-type"], read.content) == ("image/png", content)
    assert (read.headers["x-security-context"], read.headers["content-disposition"]) == ("Patient/p1", "attachment")
    assert (resource.json()["resourceType"], resource.json()["contentType"]) == ("Binary", "image/png")
