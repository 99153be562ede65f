"""Binary: any content, sent and received as it is, and never run."""

from base64 import b64encode
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bedside.events.database import Database
from bedside.fhir.declaration import Owned, Service
from bedside.fhir.rest.testing import Served, served

from .given import patient, put

PDF = b"%PDF-1.7\n\x00\xff\xfe binary"
RAW = {"content-type": "application/pdf", "accept": "*/*"}
FHIR = {"accept": "application/fhir+json"}


@pytest.fixture
async def server(database: Database) -> AsyncIterator[Served]:
    async with served(Service("files", (Owned("Binary"), Owned("Patient"))), database) as running:
        yield running


async def stored(server: Served, content: bytes = PDF, **headers: str) -> Any:
    response = await server.http.put("/fhir/Binary/b1", content=content, headers={**RAW, **headers})
    assert response.status_code in (200, 201), response.text
    return response


async def test_content_is_created_as_it_is_and_comes_back_as_it_is(server: Served) -> None:
    created = await server.http.post("/fhir/Binary", content=PDF, headers=RAW)
    body = created.json()
    assert (created.status_code, body["contentType"]) == (201, "application/pdf")
    assert body["data"] == b64encode(PDF).decode()
    read = await server.http.get(f"/fhir/Binary/{body['id']}", headers={"accept": "*/*"})
    assert (read.status_code, read.headers["content-type"], read.content) == (200, "application/pdf", PDF)
    assert (read.headers["etag"], "last-modified" in read.headers) == ('W/"1"', True)


async def test_content_is_updated_under_its_id_and_every_version_stays(server: Served) -> None:
    await stored(server)
    changed = await stored(server, b"a,b\n1,2", **{"content-type": "text/csv; charset=utf-8"})
    assert changed.headers["etag"] == 'W/"2"'
    now = await server.http.get("/fhir/Binary/b1", headers={"accept": "text/csv"})
    then = await server.http.get("/fhir/Binary/b1/_history/1", headers={"accept": "*/*"})
    assert (now.headers["content-type"], now.content) == ("text/csv; charset=utf-8", b"a,b\n1,2")
    assert then.content == PDF


async def test_a_resource_can_be_sent_and_its_content_read(server: Served) -> None:
    sent = {"resourceType": "Binary", "id": "b1", "contentType": "text/plain", "data": "aGVs\nbG8="}
    assert (await server.http.put("/fhir/Binary/b1", json=sent)).status_code == 201
    assert (await server.http.get("/fhir/Binary/b1", headers={"accept": "*/*"})).content == b"hello"


@pytest.mark.parametrize(
    ("accept", "query", "shown"),
    [
        ("*/*", "", "content"),
        ("application/pdf", "", "content"),
        ("application/*", "", "content"),
        ("text/html, application/pdf;q=0.9, */*;q=0.8", "", "content"),
        ("application/pdf, application/fhir+json;q=0.5", "", "content"),
        ("application/fhir+json", "", "resource"),
        ("application/fhir+json, */*;q=0.1", "", "resource"),
        ("application/pdf;q=0.5, application/fhir+json", "", "resource"),
        ("application/json", "", "resource"),
        ("*/*", "?_format=json", "resource"),
        ("application/pdf", "?_format=application/fhir%2Bjson", "resource"),
        ("image/png", "", 406),
        ("application/pdf;q=0", "", 406),
        ("", "", "content"),
    ],
)
async def test_the_resource_is_shown_to_whoever_asks_for_it_and_else_the_content(
    server: Served, accept: str, query: str, shown: str | int
) -> None:
    await stored(server)
    response = await server.http.get(f"/fhir/Binary/b1{query}", headers={"accept": accept})
    if response.status_code != 200:
        assert (response.status_code, response.json()["resourceType"]) == (shown, "OperationOutcome")
    else:
        assert ("content" if response.content == PDF else response.json()["resourceType"]) == {
            "content": "content", "resource": "Binary"
        }[str(shown)]  # fmt: skip


async def test_a_browser_does_not_run_what_is_stored(server: Served) -> None:
    await stored(server, b"<script>alert(1)</script>", **{"content-type": "text/html"})
    read = await server.http.get("/fhir/Binary/b1", headers={"accept": "text/html,*/*;q=0.8"})
    assert {name: read.headers[name] for name in ("x-content-type-options", "content-disposition")} == {
        "x-content-type-options": "nosniff",
        "content-disposition": "attachment",
    }
    assert read.headers["content-security-policy"] == "default-src 'none'; sandbox"


async def test_the_security_context_travels_in_a_header(server: Served) -> None:
    await put(server, patient())
    await stored(server, **{"x-security-context": "Patient/p1"})
    resource = (await server.http.get("/fhir/Binary/b1", headers=FHIR)).json()
    assert resource["securityContext"] == {"reference": "Patient/p1"}
    assert (await server.http.get("/fhir/Binary/b1")).headers["x-security-context"] == "Patient/p1"
    nobody = {**RAW, "x-security-context": "Patient/nobody"}
    assert (await server.http.post("/fhir/Binary", content=PDF, headers=nobody)).status_code == 422


async def test_a_client_that_has_the_content_is_told_so_and_head_answers_as_get(server: Served) -> None:
    await stored(server)
    known = await server.http.get("/fhir/Binary/b1", headers={"accept": "*/*", "if-none-match": 'W/"1"'})
    head = await server.http.head("/fhir/Binary/b1", headers={"accept": "*/*"})
    assert (known.status_code, known.content) == (304, b"")
    assert (head.status_code, head.headers["content-type"]) == (200, "application/pdf")


async def test_content_may_be_empty(server: Served) -> None:
    await stored(server, b"")
    assert (await server.http.get("/fhir/Binary/b1", headers={"accept": "*/*"})).content == b""


@pytest.mark.parametrize("media_type", ["", "pdf", "application/", "/", "a b/c", "text/plain\x01", "x" * 5000])
async def test_content_without_a_media_type_is_refused(server: Served, media_type: str) -> None:
    response = await server.http.post("/fhir/Binary", content=PDF, headers={"content-type": media_type})
    assert (response.status_code, response.json()["resourceType"]) == (415, "OperationOutcome")


async def test_other_types_take_no_other_content(server: Served) -> None:
    assert (await server.http.post("/fhir/Patient", content=PDF, headers=RAW)).status_code == 415


async def test_whoever_may_not_read_it_gets_neither_form(server: Served) -> None:
    await stored(server)
    caller = server.as_caller("patient/*.rs", patient="p1", roles=["patient"])
    for accept in ("*/*", "application/fhir+json"):
        response = await server.http.get("/fhir/Binary/b1", headers={**caller, "accept": accept})
        assert response.status_code in (403, 404)
