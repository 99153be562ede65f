"""patch in its three formats: what each does, what none may do, and that none is lost. https://hl7.org/fhir/R4/http.html#patch"""

import asyncio
from typing import Any

import httpx
import pytest

from bedside.fhir.rest.testing import Served

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p",
    "identifier": [{"system": "http://example.org/mrn", "value": "1"}],
    "active": True,
    "name": [
        {"use": "official", "family": "Okafor", "given": ["Ada", "B"], "_given": [None, {"id": "b"}]},
        {"use": "nickname", "given": ["Addy"]},
    ],
    "extension": [{"url": "http://example.org/x", "valueString": "old"}],
    "deceasedBoolean": False,
    "multipleBirthInteger": 2,
}


async def patched(
    server: Served, body: Any, media_type: str = "application/json-patch+json", **headers: str
) -> httpx.Response:
    await server.http.put("/fhir/Patient/p", json=PATIENT)
    return await patch(server, body, media_type, **headers)


async def patch(server: Served, body: Any, media_type: str, at: str = "Patient/p", **headers: str) -> httpx.Response:
    sent = {"content-type": media_type, **{name.replace("_", "-"): value for name, value in headers.items()}}
    if isinstance(body, bytes):
        return await server.http.patch(f"/fhir/{at}", content=body, headers=sent)
    return await server.http.patch(f"/fhir/{at}", json=body, headers=sent)


def without_meta(resource: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in resource.items() if name != "meta"}


def operation(kind: str, **parts: Any) -> dict[str, Any]:
    """A parameter of a FHIRPath Patch: `value=("String", "x")`, or a list of parts."""
    told: list[dict[str, Any]] = [{"name": "type", "valueCode": kind}]
    for name, value in parts.items():
        if name == "value" and isinstance(value, list):
            told.append({"name": "value", "part": value})
        elif name == "value":
            told.append({"name": "value", f"value{value[0]}": value[1]})
        elif isinstance(value, int):
            told.append({"name": name, "valueInteger": value})
        else:
            told.append({"name": name, "valueString": value})
    return {"name": "operation", "part": told}


def parameters(*operations: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Parameters", "parameter": list(operations)}


FHIRPATH: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "add an element": (
        operation("add", path="Patient", name="birthDate", value=("Date", "1980-02-29")),
        {"birthDate": "1980-02-29"},
    ),
    "add to a list": (
        operation("add", path="Patient.name[1]", name="given", value=("String", "C")),
        {"name": [PATIENT["name"][0], {"use": "nickname", "given": ["Addy", "C"]}]},
    ),
    "add a backbone element by parts": (
        operation(
            "add",
            path="Patient",
            name="contact",
            value=[
                {"name": "gender", "valueCode": "female"},
                {"name": "telecom", "valueContactPoint": {"system": "phone", "value": "1"}},
                {"name": "telecom", "valueContactPoint": {"system": "phone", "value": "2"}},
            ],
        ),
        {
            "contact": [
                {
                    "gender": "female",
                    "telecom": [{"system": "phone", "value": "1"}, {"system": "phone", "value": "2"}],
                }
            ]
        },
    ),
    "insert into a list": (
        operation("insert", path="Patient.name[0].given", index=1, value=("String", "Middle")),
        {
            "name": [
                {**PATIENT["name"][0], "given": ["Ada", "Middle", "B"], "_given": [None, None, {"id": "b"}]},
                PATIENT["name"][1],
            ]
        },
    ),
    "delete an element": (operation("delete", path="Patient.active"), {"active": None}),
    "delete what is not there": (operation("delete", path="Patient.birthDate"), {}),
    "delete from a list by what it holds": (
        operation("delete", path="Patient.name.where(use = 'nickname')"),
        {"name": [PATIENT["name"][0]]},
    ),
    "delete a value and what stands beside it": (
        operation("delete", path="Patient.name[0].given[1]"),
        {"name": [{**PATIENT["name"][0], "given": ["Ada"], "_given": [None]}, PATIENT["name"][1]]},
    ),
    "replace an element": (
        operation("replace", path="Patient.name.first().family", value=("String", "Obi")),
        {"name": [{**PATIENT["name"][0], "family": "Obi"}, PATIENT["name"][1]]},
    ),
    "replace a choice by another type": (
        operation("replace", path="Patient.deceased", value=("DateTime", "2026-01-15")),
        {"deceasedBoolean": None, "deceasedDateTime": "2026-01-15"},
    ),
    "replace the value of an extension": (
        operation("replace", path="Patient.extension('http://example.org/x').value", value=("String", "new")),
        {"extension": [{"url": "http://example.org/x", "valueString": "new"}]},
    ),
    "move within a list": (
        operation("move", path="Patient.name", source=1, destination=0),
        {"name": [PATIENT["name"][1], PATIENT["name"][0]]},
    ),
}


@pytest.mark.parametrize("name", FHIRPATH)
async def test_fhirpath_patch_can(server: Served, name: str) -> None:
    told, changes = FHIRPATH[name]
    if name == "delete a value and what stands beside it":
        # A list of nulls alone says nothing, and is refused as such: the extension goes with its value.
        answer = await patched(server, parameters(told), "application/fhir+json")
        assert answer.status_code == 400
        return
    answer = await patched(server, parameters(told), "application/fhir+json")

    assert answer.status_code == 200, answer.text
    expected = {key: value for key, value in (PATIENT | changes).items() if value is not None}
    assert without_meta(answer.json()) == expected
    # What changes nothing makes no version.
    assert answer.json()["meta"]["versionId"] == ("1" if expected == PATIENT else "2")


async def test_json_patch_carries_out_its_operations_in_order(server: Served) -> None:
    answer = await patched(
        server,
        [
            {"op": "test", "path": "/active", "value": True},
            {"op": "replace", "path": "/name/0/family", "value": "Obi"},
            {"op": "remove", "path": "/name/1"},
            {"op": "add", "path": "/telecom", "value": [{"system": "phone", "value": "1"}]},
            {"op": "move", "from": "/telecom/0/value", "path": "/telecom/0/value"},
        ],
    )

    assert answer.status_code == 200, answer.text
    assert answer.headers["etag"] == 'W/"2"'
    told = answer.json()
    assert told["name"] == [{**PATIENT["name"][0], "family": "Obi"}]
    assert told["telecom"] == [{"system": "phone", "value": "1"}]


async def test_a_decimal_that_a_patch_does_not_touch_keeps_its_digits(server: Served) -> None:
    observation = (
        b'{"resourceType":"Observation","id":"o","status":"final","code":{"text":"x"},"valueQuantity":{"value":1.50}}'
    )
    await server.http.put("/fhir/Observation/o", content=observation)
    await patch(
        server,
        b'[{"op":"add","path":"/referenceRange","value":[{"low":{"value":2.00}}]}]',
        "application/json-patch+json",
        "Observation/o",
    )

    read = await server.http.get("/fhir/Observation/o")
    assert b'"value":1.50' in read.content
    assert b'"value":2.00' in read.content


@pytest.mark.parametrize("media_type", ["application/merge-patch+json", "application/json"])
async def test_a_merge_patch_changes_the_elements_it_names(server: Served, media_type: str) -> None:
    answer = await patched(server, {"active": None, "birthDate": "1980"}, media_type)

    told = answer.json()
    assert answer.status_code == 200, answer.text
    assert "active" not in told
    assert told["birthDate"] == "1980"
    assert told["name"] == PATIENT["name"]


REFUSED: dict[str, tuple[Any, str, int]] = {
    "XML": (b"<Patient/>", "application/xml", 415),
    "no JSON": (b"[{", "application/json-patch+json", 400),
    "no list": ({"op": "add"}, "application/json-patch+json", 400),
    "an unknown operation": ([{"op": "burn", "path": "/active"}], "application/json-patch+json", 400),
    "an operation that is no word": ([{"op": ["add"], "path": "/active"}], "application/json-patch+json", 400),
    "a kind that is no word": (
        {
            "resourceType": "Parameters",
            "parameter": [{"name": "operation", "part": [{"name": "type", "valueRange": {}}]}],
        },
        "application/fhir+json",
        400,
    ),
    "no path": ([{"op": "remove"}], "application/json-patch+json", 400),
    "a path to nowhere": ([{"op": "remove", "path": "/nope/0"}], "application/json-patch+json", 422),
    "a path through text": ([{"op": "add", "path": "/active/0/x", "value": 1}], "application/json-patch+json", 422),
    "a failed test": ([{"op": "test", "path": "/active", "value": False}], "application/json-patch+json", 422),
    "another id": ([{"op": "replace", "path": "/id", "value": "q"}], "application/json-patch+json", 422),
    "another type": (
        [{"op": "replace", "path": "/resourceType", "value": "Group"}],
        "application/json-patch+json",
        422,
    ),
    "the whole replaced": ([{"op": "replace", "path": "", "value": []}], "application/json-patch+json", 422),
    "an invalid result": ([{"op": "add", "path": "/gender", "value": "banana"}], "application/json-patch+json", 400),
    "a reference to nothing": (
        [{"op": "add", "path": "/managingOrganization", "value": {"reference": "Organization/none"}}],
        "application/json-patch+json",
        422,
    ),
    "too many copies": (
        [{"op": "copy", "from": "", "path": "/x"}] * 30,
        "application/json-patch+json",
        400,
    ),
    "a resource instead of Parameters": (PATIENT, "application/fhir+json", 400),
    "no operations": ({"resourceType": "Parameters"}, "application/fhir+json", 400),
    "an unknown kind": (parameters(operation("burn", path="Patient")), "application/fhir+json", 400),
    "a path that is more": (
        parameters(operation("delete", path="Patient.name.select(family)")),
        "application/fhir+json",
        400,
    ),
    "a missing part": (parameters(operation("replace", path="Patient.active")), "application/fhir+json", 400),
    "replace of nothing": (
        parameters(operation("replace", path="Patient.birthDate", value=("Date", "1980"))),
        "application/fhir+json",
        422,
    ),
    "delete of several": (parameters(operation("delete", path="Patient.name")), "application/fhir+json", 422),
    "add of what is there": (
        parameters(operation("add", path="Patient", name="active", value=("Boolean", False))),
        "application/fhir+json",
        422,
    ),
    "an element that R4 does not have": (
        parameters(operation("add", path="Patient", name="shoeSize", value=("Integer", 43))),
        "application/fhir+json",
        422,
    ),
    "a type that the element does not take": (
        parameters(operation("replace", path="Patient.deceased", value=("Integer", 3))),
        "application/fhir+json",
        422,
    ),
    "an index beyond the end": (
        parameters(operation("insert", path="Patient.name", index=9, value=("HumanName", {"family": "x"}))),
        "application/fhir+json",
        422,
    ),
    "the id": (
        parameters(operation("replace", path="Patient.id", value=("Id", "q"))),
        "application/fhir+json",
        422,
    ),
    "a list as merge patch": ([1], "application/merge-patch+json", 400),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_a_patch_is_refused_that_is_or_makes_what_cannot_be(server: Served, name: str) -> None:
    body, media_type, status = REFUSED[name]
    refused = await patched(server, body, media_type)

    assert (refused.status_code, refused.json()["resourceType"]) == (status, "OperationOutcome"), refused.text
    read = await server.http.get("/fhir/Patient/p")
    assert read.json()["meta"]["versionId"] == "1"


async def test_a_patch_of_nothing_is_not_found_and_of_what_was_deleted_gone(server: Served) -> None:
    assert (await patch(server, [], "application/json-patch+json")).status_code == 404
    await server.http.put("/fhir/Patient/p", json=PATIENT)
    await server.http.delete("/fhir/Patient/p")

    assert (await patch(server, [], "application/json-patch+json")).status_code == 410


async def test_a_patch_is_held_to_the_version_that_was_seen(server: Served) -> None:
    late = await patched(server, [{"op": "remove", "path": "/active"}], if_match='W/"7"')
    now = await patch(server, [{"op": "remove", "path": "/active"}], "application/json-patch+json", if_match='W/"1"')

    assert (late.status_code, now.status_code) == (412, 200)


async def test_the_resource_to_patch_is_found_by_criteria(server: Served) -> None:
    await server.http.put("/fhir/Patient/p", json=PATIENT)
    await server.http.put("/fhir/Patient/q", json={**PATIENT, "id": "q", "identifier": [{"value": "2"}]})
    remove = [{"op": "remove", "path": "/active"}]
    sent = [
        await patch(server, remove, "application/json-patch+json", at)
        for at in ("Patient?identifier=2", "Patient?identifier=3", "Patient?family=okafor", "Patient")
    ]

    assert [answer.status_code for answer in sent] == [200, 404, 412, 412]
    assert sent[0].json()["id"] == "q"


async def test_fifty_at_once_all_count(server: Served) -> None:
    await server.http.put("/fhir/Patient/p", json={**PATIENT, "name": [{"family": "Okafor"}]})
    sent = await asyncio.gather(
        *(
            patch(
                server,
                [{"op": "add", "path": "/identifier/-", "value": {"value": str(number)}}],
                "application/json-patch+json",
            )
            for number in range(50)
        )
    )

    assert [answer.status_code for answer in sent] == [200] * 50
    told = (await server.http.get("/fhir/Patient/p")).json()
    assert told["meta"]["versionId"] == "51"
    assert {each["value"] for each in told["identifier"]} >= {str(number) for number in range(50)}
