"""Every payload that a client might get wrong, as a request: refused with its place, and nothing of it is kept.

The tables of the validation tests say what is wrong with a value; this one says that nothing gets past the door. What
R4 allows, however odd it looks, comes back as it was sent.
"""

import json
from typing import Any

import pytest

from bedside.fhir import exact_json
from bedside.fhir.rest.testing import Served

PATIENT, OBSERVATION, ENCOUNTER = "Patient", "Observation", "Encounter"
UNKNOWN = [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]


def patient(**elements: Any) -> dict[str, Any]:
    return {"resourceType": PATIENT, **elements}


def observation(**elements: Any) -> dict[str, Any]:
    return {"resourceType": OBSERVATION, "status": "final", "code": {"text": "x"}, **elements}


def encounter(**elements: Any) -> dict[str, Any]:
    return {"resourceType": ENCOUNTER, "status": "finished", "class": {"code": "AMB"}, **elements}


def narrative(div: str) -> dict[str, Any]:
    return patient(text={"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{div}</div>'})


def holding(**organization: Any) -> dict[str, Any]:
    return patient(contained=[organization], managingOrganization={"reference": "#o"})


# What is sent, and where the outcome says that it is wrong.
STRUCTURE: list[tuple[dict[str, Any], str]] = [
    (patient(shoeSize=43), "Patient.shoeSize"),
    (patient(name=[{"first": "A"}]), "Patient.name[0].first"),
    (holding(resourceType="Organization", id="o", name="O", size=1), "Patient.contained[0].size"),
    (patient(birthDate=["1980"]), "Patient.birthDate"),
    (patient(name={"family": "A"}), "Patient.name"),
    (patient(name=[{"given": "A"}]), "Patient.name[0].given"),
    ({"resourceType": OBSERVATION, "code": {"text": "x"}}, "Observation.status"),
    (patient(link=[{"type": "seealso"}]), "Patient.link[0].other"),
    (observation(valueString="1", valueInteger=1), "Observation.value"),
    (observation(valueDecimal=1), "Observation.valueDecimal"),
    (patient(name=[]), "Patient.name"),
    (patient(maritalStatus={}), "Patient.maritalStatus"),
    (patient(name=[{"family": ""}]), "Patient.name[0].family"),
    (patient(birthDate=None), "Patient.birthDate"),
    (patient(name=[None]), "Patient.name[0]"),
    (holding(id="o"), "Patient.contained[0]"),
    (holding(resourceType="Organisation", id="o"), "Patient.contained[0]"),
    (holding(resourceType="HumanName", id="o"), "Patient.contained[0]"),
    (patient(fhir_comments=["x"]), "Patient.fhir_comments"),
    (encounter(class_fhir={"code": "AMB"}), "Encounter.class_fhir"),
    (encounter(**{"class": [{"coding": [{"code": "AMB"}]}]}), "Encounter.class"),
    (encounter(actualPeriod={"start": "2020"}), "Encounter.actualPeriod"),
    (observation(triggeredBy=[{"type": "reflex"}]), "Observation.triggeredBy"),
]
PRIMITIVES: list[tuple[dict[str, Any], str]] = [
    (patient(id="x" * 65), "Patient.id"),
    (patient(id="a_b"), "Patient.id"),
    (patient(id="../x"), "Patient.id"),
    (patient(id=""), "Patient.id"),
    (patient(id=7), "Patient.id"),
    (patient(birthDate="1980-13-01"), "Patient.birthDate"),
    (patient(birthDate="1980-1-1"), "Patient.birthDate"),
    (patient(birthDate="1980-02-30"), "Patient.birthDate"),
    (patient(birthDate="1980-02-28T10:00:00Z"), "Patient.birthDate"),
    (patient(birthDate=19800228), "Patient.birthDate"),
    (patient(birthDate="\u0661\u0669\u0668\u0660"), "Patient.birthDate"),
    (observation(issued="2020-01-01T10:00:00"), "Observation.issued"),
    (observation(issued="2020-01-01T10:00Z"), "Observation.issued"),
    (observation(effectiveDateTime="2020-01-01T10:00:00"), "Observation.effective"),
    (observation(effectiveDateTime="2020-01-01T10:00Z"), "Observation.effective"),
    (patient(implicitRules="http://a b"), "Patient.implicitRules"),
    (patient(language=" en"), "Patient.language"),
    (patient(telecom=[{"system": "phone", "value": "1", "rank": 0}]), "Patient.telecom[0].rank"),
    (observation(valueInteger=1.5), "Observation.value"),
    (observation(valueInteger="1"), "Observation.value"),
    (observation(valueInteger=2**31), "Observation.value"),
    (observation(valueQuantity={"value": "1.0"}), "Observation.value.value"),
    (patient(active="true"), "Patient.active"),
    (patient(active=1), "Patient.active"),
    (patient(photo=[{"contentType": "image/png", "data": "!!!!"}]), "Patient.photo[0].data"),
    (patient(name=[{"family": "a\x08b"}]), "Patient.name[0].family"),
]
MEANING: list[tuple[dict[str, Any], str]] = [
    (patient(gender="banana"), "Patient.gender"),
    (observation(status="done"), "Observation.status"),
    (patient(name=[{"use": "foo", "family": "A"}]), "Patient.name[0].use"),
    (encounter(status="in-process"), "Encounter.status"),
    (
        patient(extension=[{"url": "http://a", "valueString": "x", "extension": [{"url": "b", "valueString": "c"}]}]),
        "Patient.extension[0]",
    ),
    (patient(_birthDate={"value": "1980"}), "Patient.birthDate.value"),
    (patient(_birthDate="x"), "Patient.birthDate"),
    (patient(managingOrganization={"reference": "Patient/p1"}), "Patient.managingOrganization.reference"),
    (patient(managingOrganization={"reference": "#nowhere"}), "Patient.managingOrganization.reference"),
    (narrative("a<script>alert(1)</script>"), "Patient.text.div"),
    (narrative('<p onclick="x()">a</p>'), "Patient.text.div"),
    (patient(text={"status": "generated", "div": "<p>a</p>"}), "Patient.text.div"),
    (patient(contact=[{"gender": "female"}]), "Patient.contact[0]"),
    (observation(valueString="x", dataAbsentReason={"text": "y"}), "Observation"),
    (encounter(period={"start": "2020-02-01", "end": "2020-01-01"}), "Encounter.period"),
]
ALLOWED: list[dict[str, Any]] = [
    patient(birthDate="1980"),
    patient(birthDate="1980-02"),
    patient(_birthDate={"extension": UNKNOWN}),
    {"resourceType": OBSERVATION, "_status": {"extension": UNKNOWN}, "code": {"text": "x"}},
    patient(name=[{"given": ["A", None], "_given": [None, {"extension": UNKNOWN}]}]),
    holding(resourceType="Organization", id="o", name="O"),
    patient(name=[{"family": "\u05db\u05d4\u05df"}, {"family": "\U0001f600"}]),
]


@pytest.mark.parametrize("table", [STRUCTURE, PRIMITIVES, MEANING], ids=["structure", "primitives", "meaning"])
async def test_each_wrong_payload_is_refused_with_its_place(
    server: Served, table: list[tuple[dict[str, Any], str]]
) -> None:
    passed = []
    for resource, place in table:
        body = json.dumps(resource).encode()
        answer = await server.http.post(f"/fhir/{resource['resourceType']}", content=body)
        places = [place for issue in answer.json().get("issue", []) for place in issue.get("expression", [])]
        if answer.status_code != 400 or place not in places:
            passed.append((resource, answer.status_code, places))
    assert passed == []
    assert await server.told() == []


@pytest.mark.parametrize("table", [STRUCTURE, PRIMITIVES, MEANING], ids=["structure", "primitives", "meaning"])
async def test_in_a_transaction_the_place_begins_with_the_entry(
    server: Served, table: list[tuple[dict[str, Any], str]]
) -> None:
    entries = [
        {"resource": resource, "request": {"method": "POST", "url": resource["resourceType"]}} for resource, _ in table
    ]
    answer = await server.bundle("transaction", *entries)
    places = {place for issue in answer.json()["issue"] for place in issue.get("expression", [])}
    missing = []
    for number, (resource, place) in enumerate(table):
        expected = f"Bundle.entry[{number}].resource{place.removeprefix(resource['resourceType'])}"
        if expected not in places:
            missing.append(expected)
    assert (answer.status_code, missing) == (400, [])
    assert await server.told() == []


async def test_what_r4_allows_comes_back_as_it_was_sent(server: Served) -> None:
    for resource in ALLOWED:
        answer = await server.http.post(f"/fhir/{resource['resourceType']}", json=resource)
        assert answer.status_code == 201, answer.text
        kept = {name: value for name, value in answer.json().items() if name not in ("id", "meta")}
        assert kept == resource


NOT_JSON: list[bytes] = [
    b"",
    b"{",
    b"null",
    b"[]",
    b'"Patient"',
    b"\xff\xfe{}",
    b"\x00",
    b'{"resourceType":"Patient"}{"resourceType":"Patient"}',
    b'{"resourceType":"Patient",}',
    b"{'resourceType':'Patient'}",
    b'{"resourceType":"Patient","resourceType":"Patient"}',
    b'{"resourceType":"Patient","name":[{"family":"a","family":"b"}]}',
    b'{"resourceType":"Patient","active":NaN}',
    b'{"resourceType":"Patient","multipleBirthInteger":Infinity}',
    b'{"resourceType":"Patient","multipleBirthInteger":1e400}',
    b'{"resourceType":"Patient","multipleBirthInteger":1e-400}',
    b'{"resourceType":"Patient","multipleBirthInteger":1e999999999999}',
    b'{"resourceType":"Patient","multipleBirthInteger":' + b"9" * 5000 + b"}",
    b'{"resourceType":"Patient","multipleBirthInteger":01}',
    b'{"resourceType":"Patient","multipleBirthInteger":' + b"0." + b"1" * 5000 + b"}",
    b'{"resourceType":"Patient","name":[{"family":"\\ud800"}]}',
    b'{"resourceType":"Patient","name":[{"family":"\\udc00\\ud800"}]}',
    b'{"resourceType":"Patient","name":[{"family":"\xed\xa0\x80"}]}',
    b'{"resourceType":"Patient","name":[{"family":"a\\u0000b"}]}',
    b'{"resourceType":"Patient","name":[{"family":"a\x00b"}]}',
    b'{"resourceType":"Patient","\\ud800":1}',
    b'{"resourceType":"Patient","id":"' + b"x" * 100_000 + b'"}',
    b'{"resourceType":"Patient","x":' + b"[" * 5000 + b"]" * 5000 + b"}",
    b'{"resourceType":"Patient","x":' + b"[" * 100_000,
    b'{"resourceType":"Patient","extension":' + b'[{"extension":' * 500 + b"[]" + b"}]" * 500 + b"}",
    b'{"__proto__":{"resourceType":"Patient"}}',
    b'{"resourceType":"Patient","' + b"k" * 100_000 + b'":1}',
]


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_what_is_no_exact_json_is_refused_wherever_it_is_sent(server: Served, method: str) -> None:
    passed = []
    for body in NOT_JSON:
        for address in ("/fhir/Patient", "/fhir") if method == "POST" else ("/fhir/Patient/p1",):
            answer = await server.http.request(method, address, content=body)
            if answer.status_code != 400 or answer.json()["resourceType"] != "OperationOutcome":
                passed.append((body[:60], address, answer.status_code))
    assert passed == []
    assert (await server.http.get("/fhir/Patient/p1")).status_code == 404


async def test_no_value_that_was_sent_stands_in_an_outcome(server: Served) -> None:
    secret = "OKAFOR-SECRET"
    for sent in (
        patient(gender=secret), patient(birthDate=secret), patient(id=f"{secret}_"), patient(**{f"{secret} x": 1}),
        patient(name=[{"use": secret}]), {"resourceType": secret}, patient(active=secret), narrative(f"<{secret}/>"),
        patient(managingOrganization={"reference": f"Organization/{secret}"}),
    ):  # fmt: skip
        answer = await server.http.post("/fhir/Patient", json=sent)
        assert answer.status_code in (400, 422)
        assert secret not in answer.text


PATHS = [
    "Patient/../x", "Patient/..", "Patient/%2e%2e", "Patient/%2e%2e/x", "Patient/%2e%2e%2fObservation",
    "Patient/..%2fObservation", "Patient/%00", "Patient/p1%00", "Patient/%252e%252e", "Patient/%25%32%65",
    "Patient/..%5c..%5cetc", "Patient//", "Patient//p1", "//Patient/p1", "Patient/p1/", "Patient/p1/../p2", "Patient/ ",
    "Patient/%20", "Patient/p1%0d%0aX-Injected:1", "Patient/" + "x" * 65, "Patient/" + "x" * 20_000, "Patient/p_1",
    "Patient/%ff", "Patient/%", "Patient/%zz", "Patient/é", "Patient/%C3%A9", "patient/p1", "PATIENT/p1",
    "Patient;a=b/p1", "Patient/p1;a=b", "Patient/p1/_history/", "Patient/p1/_history/-1", "Patient/p1/_history/1e3",
    "Patient/p1/_history/99999999999999999999", "Patient/p1/_history/1/x", "Patient/p1/_history/%31/..",
    "Patient/p1/Nonsense", "Patient/$", "Patient/$nonsense", "$nonsense", "_nonsense", "Patient/_nonsense", ".", "..",
    "%2e%2e/metadata", "..%2f..%2finternal", "Patient/*", "*/p1", "Patient/p1,p2", "Patient/'OR'1'='1",
]  # fmt: skip


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "POST", "PATCH"])
async def test_no_path_leads_anywhere_it_should_not(server: Served, method: str) -> None:
    await server.http.put("/fhir/Patient/p1", json=patient(id="p1"))
    reached = []
    for path in PATHS:
        content = b'{"resourceType":"Patient","id":"p1"}' if method in ("PUT", "POST", "PATCH") else None
        answer = await server.http.request(method, f"/fhir/{path}", content=content)
        is_refused = 400 <= answer.status_code < 500 or answer.is_redirect
        if not is_refused and not _is_harmless(method, path, answer.status_code):
            reached.append((path[:40], answer.status_code))
    assert reached == []
    stored = await server.http.get("/fhir/Patient?_total=accurate")
    assert [entry["resource"]["id"] for entry in exact_json.parse(stored.content)["entry"]] == ["p1"]


@pytest.mark.parametrize("id", [".", ".."])
async def test_an_id_that_means_another_place_in_an_address_is_not_taken(server: Served, id: str) -> None:
    entry = {"resource": patient(id=id), "request": {"method": "PUT", "url": f"Patient/{id}"}}
    assert (await server.bundle("transaction", entry)).status_code == 400
    encoded = "/fhir/Patient/" + id.replace(".", "%2e")
    assert (await server.http.put(encoded, json=patient(id=id))).status_code in (400, 404, 405)
    assert await server.told() == []


def _is_harmless(method: str, path: str, status: int) -> bool:
    """What a client resolves by itself before it asks, and repeated deletions of what never was."""
    resolved = path in ("Patient/..", "Patient/../x", "Patient/p1/../p2", "Patient/p1/_history/%31/..", ".", "..")
    return (method == "DELETE" and status == 204 and not path.startswith("Patient/p1")) or (resolved and status < 300)
