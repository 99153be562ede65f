"""What a client accepts, sends and prefers; and headers that nobody should send, which break nothing."""

import itertools

import pytest

from bedside.fhir.rest.testing import Served

from .given import patient, put

FHIR, JSON = "application/fhir+json", "application/json"


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        ("*/*", FHIR), ("", FHIR), ("application/*", FHIR), (FHIR, FHIR), (JSON, JSON), ("text/json", FHIR),
        ("APPLICATION/FHIR+JSON", FHIR), (f"{JSON}, {FHIR}", JSON), (f"{JSON};q=0.5, {FHIR}", FHIR),
        (f"{JSON};q=0.5, {FHIR};q=0.4", JSON), (f"application/fhir+xml, {JSON};q=0.1", JSON),
        (f"{FHIR};fhirVersion=4.0", FHIR), (f"{FHIR}; fhirVersion=4.0; charset=utf-8", FHIR),
        (f"{FHIR};fhirVersion=3.0", 406), (f"{FHIR};fhirVersion=5.0, */*;q=0.1", FHIR),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", FHIR),
        ("application/fhir+xml", 406), ("application/fhir+turtle", 406), ("text/turtle", 406), ("text/html", 406),
        (f"{FHIR};q=0", 406), ("*/*;q=0.0", 406), (f"{FHIR};q=banana", 406), (f"{FHIR};q=-1", 406), ("nonsense", 406),
        (",,,", 406), (f"{';' * 2000}", 406), ("a/b," * 5000, 406), (f"{FHIR};q=1.000;;;=;x", FHIR), ('"', 406),
    ],
)  # fmt: skip
async def test_the_answer_has_the_type_that_is_wanted_most(server: Served, accept: str, answered: str | int) -> None:
    await put(server, patient())
    response = await server.http.get("/fhir/Patient/p1", headers={"accept": accept})
    told = response.headers["content-type"] if response.status_code == 200 else response.status_code
    assert told == answered


async def test_several_accept_headers_are_one_list(server: Served) -> None:
    await put(server, patient())
    token = server.http.headers["authorization"]
    headers = [("authorization", token), ("accept", "application/fhir+xml"), ("accept", JSON)]
    assert (await server.http.get("/fhir/Patient/p1", headers=headers)).headers["content-type"] == JSON


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("json", FHIR), ("application/fhir%2Bjson", FHIR), ("application/fhir+json", FHIR), ("application/json", JSON),
        ("text/json", FHIR), ("xml", 406), ("application/fhir%2Bxml", 406), ("ttl", 406), ("html", 406), ("%00", 406),
        ("*/*", 406), ("application/fhir%2Bjson;fhirVersion=3.0", 406),
    ],
)  # fmt: skip
async def test_the_parameter_format_outranks_the_header(server: Served, asked: str, answered: str | int) -> None:
    await put(server, patient())
    for address in ("Patient/p1", "Patient", "Patient/p1/_history", "Patient/p1/_history/1", "_history"):
        for accept in ("*/*", "application/fhir+xml"):
            response = await server.http.get(f"/fhir/{address}?_format={asked}", headers={"accept": accept})
            told = response.headers["content-type"] if response.status_code == 200 else response.status_code
            assert told == answered, address


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (FHIR, 201), (JSON, 201), ("application/json+fhir", 201), (f"{FHIR}; charset=UTF-8", 201),
        (f'{FHIR};charset="utf-8"', 201), (f"{FHIR};fhirVersion=4.0", 201), (f"{FHIR};fhirVersion=4.0.1", 201),
        (f"{FHIR};fhirVersion=3.0", 415), (f"{FHIR};charset=latin-1", 415), ("application/fhir+xml", 415),
        ("text/turtle", 415), ("text/plain", 415), ("", 415), ("x" * 5000, 415), (f"{FHIR};{';' * 1000}", 201),
        ("application/x-www-form-urlencoded", 415), ("multipart/form-data; boundary=x", 415), ("\x7f", 415),
    ],
)  # fmt: skip
async def test_a_body_is_taken_in_fhirs_json_only(server: Served, sent: str, status: int) -> None:
    response = await server.http.post(
        "/fhir/Patient", content=b'{"resourceType":"Patient"}', headers={"content-type": sent}
    )
    assert response.status_code == status


@pytest.mark.parametrize("address", ["Patient/p1", "Patient", "Patient/p1/_history", "Patient/_history", "_history",
                                     "Patient/p1/_history/1", "metadata"])  # fmt: skip
async def test_head_answers_as_get_everywhere(server: Served, address: str) -> None:
    await put(server, patient())
    got, head = await server.http.get(f"/fhir/{address}"), await server.http.head(f"/fhir/{address}")
    own = ("content-type", "etag", "last-modified", "content-length")
    assert head.status_code == 200
    assert {name: head.headers.get(name) for name in own} == {name: got.headers.get(name) for name in own}


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("if-none-match", 'W/"1"', 304), ("if-none-match", '"1"', 304), ("if-none-match", "*", 304),
        ("if-none-match", 'W/"7", W/"1"', 304), ("if-none-match", 'W/"7"', 200), ("if-none-match", "", 200),
        ("if-none-match", '"' * 3000, 200), ("if-none-match", ",".join(f'W/"{n}"' for n in range(5, 5000)), 200),
        ("if-none-match", 'W/"١"', 200), ("if-none-match", "W/", 200), ("if-none-match", 'W/"-1"', 200),
        ("if-modified-since", "Thu, 15 Jan 2099 10:30:00 GMT", 304),
        ("if-modified-since", "Thu, 15 Jan 1998 10:30:00 GMT", 200), ("if-modified-since", "yesterday", 200),
        ("if-modified-since", "", 200), ("if-modified-since", "Mon, 01 Jan 0001 00:00:00 +2359", 200),
        ("if-modified-since", "Mon, 01 Jan 0001 00:00:00 -0000", 200),
        ("if-modified-since", "Fri, 31 Dec 9999 23:59:59 -2359", 304),
        ("if-modified-since", "Mon, 99 Foo 99999 99:99:99 GMT", 200), ("if-modified-since", "2026-01-01", 200),
        ("if-modified-since", "Mon, 01 Jan 2020 00:00:00 +999999", 200), ("if-modified-since", "0" * 4000, 200),
    ],
)  # fmt: skip
async def test_what_a_client_says_it_has_is_compared_or_passed_over(
    server: Served, name: str, value: str, status: int
) -> None:
    await put(server, patient())
    for address in ("Patient/p1", "Patient/p1/_history/1"):
        response = await server.http.get(f"/fhir/{address}", headers={name: value.encode()})
        assert response.status_code == status
        assert response.headers["etag"] == 'W/"1"'


async def test_an_etag_outranks_a_date(server: Served) -> None:
    await put(server, patient())
    headers = {"if-none-match": 'W/"9"', "if-modified-since": "Thu, 15 Jan 2099 10:30:00 GMT"}
    assert (await server.http.get("/fhir/Patient/p1", headers=headers)).status_code == 200


@pytest.mark.parametrize("prefer", ["return=everything", "=", ";;;", "x" * 5000, "handling=", "return", '"', "wait=1e9",
                                    "respond-async, return=representation", "return=minimal=minimal"])  # fmt: skip
async def test_a_preference_that_is_not_known_is_passed_over(server: Served, prefer: str) -> None:
    response = await server.http.put("/fhir/Patient/p1", json=patient(), headers={"prefer": prefer})
    assert (response.status_code, response.json()["resourceType"]) == (201, "Patient")


HOSTILE = ["", " ", "\t", ",", "*", '"', "\\", "W/", "=;=,=", "%00", "' OR 1=1 --", "../../etc/passwd", "${jndi:ldap://a}",
           "\x7f", "ÿþ", "€", "1" * 10_000, "a" * 60_000, "-1", "1e999", "NaN", "null", "{}", "<script>"]  # fmt: skip
NAMES = ["accept", "accept-charset", "accept-encoding", "authorization", "content-length-x", "content-type", "if-match",
         "if-modified-since", "if-none-exist", "if-none-match", "prefer", "range", "x-request-id", "x-provenance",
         "x-security-context", "x-http-method-override", "traceparent", "forwarded", "cookie"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
async def test_no_header_breaks_an_interaction(server: Served, name: str) -> None:
    await put(server, patient())
    body = b'{"resourceType":"Patient","id":"p1"}'
    batch = b'{"resourceType":"Bundle","type":"batch"}'
    requests = [
        ("GET", "Patient/p1", None), ("GET", "Patient", None), ("GET", "_history", None), ("HEAD", "metadata", None),
        ("POST", "Patient", body), ("PUT", "Patient/p1", body), ("DELETE", "Patient/p1", None), ("POST", "", batch),
        ("POST", "Patient/_search", b""),
    ]  # fmt: skip
    broken = []
    for value, (method, address, content) in itertools.product(HOSTILE, requests):
        own = [each for each in server.http.headers.raw if each[0].lower() not in (name.encode(), b"host")]
        for repeated in (1, 2):
            headers = own + [(name.encode(), value.encode())] * repeated
            response = await server.http.request(method, f"/fhir/{address}", content=content, headers=headers)
            if response.status_code >= 500:
                broken.append((method, address, value[:20], repeated, response.status_code))
    assert broken == []
