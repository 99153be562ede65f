"""Where a search may look: all types, those of `_type`, and the compartment of one resource. On both databases."""

from typing import Any

import pytest

from bedside.events.database import Database
from bedside.fhir.declaration import Owned, Service
from bedside.fhir.definitions import definitions
from bedside.fhir.rest.testing import BASE, Served, served
from bedside.fhir.search.compartments import within
from bedside.fhir.search.context import Owner
from bedside.fhir.search.criteria import Statement
from bedside.fhir.search.purview import UNCONFINED
from bedside.fhir.search.running import ROUNDS_MAX

FORM = {"content-type": "application/x-www-form-urlencoded"}


def patient(id: str, **elements: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": id, **elements}


def observation(id: str, of: str, code: str = "k", **elements: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": id,
        "status": "final",
        "code": {"coding": [{"code": code}]},
        "subject": {"reference": f"Patient/{of}"},
        **elements,
    }


def encounter(id: str, of: str, **elements: Any) -> dict[str, Any]:
    return {
        "resourceType": "Encounter",
        "id": id,
        "status": "finished",
        "class": {"code": "AMB"},
        "subject": {"reference": f"Patient/{of}"},
        **elements,
    }


@pytest.fixture
async def ward(server: Served) -> Served:
    """Two patients, each with an encounter and observations; p1's are of practitioner d1 and tagged."""
    tagged = {"meta": {"tag": [{"system": "urn:t", "code": "round"}]}}
    by = [{"reference": "Practitioner/d1"}]
    for resource in (
        {"resourceType": "Organization", "id": "w1", "name": "Ward"},
        {"resourceType": "Practitioner", "id": "d1"},
        patient("p1", **tagged),
        patient("p2"),
        encounter("e1", "p1", **tagged),
        encounter("e2", "p2"),
        observation("o1", "p1", performer=by, encounter={"reference": "Encounter/e1"}, **tagged),
        observation("o2", "p1", "j"),
        observation("o3", "p2"),
    ):
        await given(server, resource)
    return server


async def given(server: Served, resource: dict[str, Any]) -> None:
    response = await server.http.put(f"/fhir/{resource['resourceType']}/{resource['id']}", json=resource)
    assert response.status_code in (200, 201), response.text


async def found(server: Served, address: str, **headers: str) -> list[str]:
    response = await server.http.get(f"/fhir{address}", headers=headers)
    assert response.status_code == 200, response.text
    return [entry["fullUrl"].removeprefix(f"{BASE}/") for entry in response.json().get("entry", [])]


async def refusal(server: Served, address: str, **headers: str) -> tuple[int, str, str]:
    response = await server.http.get(f"/fhir{address}", headers=headers)
    [issue] = response.json()["issue"]
    return response.status_code, issue["code"], issue["details"]["text"]


async def test_a_search_of_the_system_finds_every_type_or_those_of_type_newest_first(ward: Served) -> None:
    table = {
        "": ["Observation/o3", "Observation/o2", "Observation/o1", "Encounter/e2", "Encounter/e1", "Patient/p2",
             "Patient/p1", "Practitioner/d1", "Organization/w1"],
        "?_type=Patient,Encounter": ["Encounter/e2", "Encounter/e1", "Patient/p2", "Patient/p1"],
        "?_tag=urn:t|round": ["Observation/o1", "Encounter/e1", "Patient/p1"],
        "?_tag:not=urn:t|round&_type=Encounter,Patient": ["Encounter/e2", "Patient/p2"],
        "?_id=p1,e2,o3": ["Observation/o3", "Encounter/e2", "Patient/p1"],
        "?_type=Encounter,Observation&patient=p1": ["Observation/o2", "Observation/o1", "Encounter/e1"],
        "?_type=Encounter,Observation&patient=p1&_sort=_id": ["Encounter/e1", "Observation/o1", "Observation/o2"],
        "?_type=Encounter,Observation&status=final": ["Observation/o3", "Observation/o2", "Observation/o1"],
        "?_type=Encounter,Observation&status=finished": ["Encounter/e2", "Encounter/e1"],
        "?_type=Encounter,Observation&status:not=final": ["Encounter/e2", "Encounter/e1"],
        "?_type=Encounter,Observation&status=http://hl7.org/fhir/encounter-status|finished,final":
            ["Observation/o3", "Observation/o2", "Observation/o1", "Encounter/e2", "Encounter/e1"],
        "?_type=Encounter,Observation&status=http://hl7.org/fhir/encounter-status|final": [],
        "?_type=Encounter,Observation&patient._tag=round": ["Observation/o2", "Observation/o1", "Encounter/e1"],
        "?_type=Patient,Encounter&_has:Observation:subject:code=j": None,
        "?_type=Patient&_has:Observation:subject:code=j": ["Patient/p1"],
        "?_lastUpdated=gt2000&_type=Organization": ["Organization/w1"],
        "?_type=Observation,Encounter&_id=o1&_include=*": [
            "Observation/o1", "Patient/p1", "Practitioner/d1", "Encounter/e1"],
        "?_type=Patient,Practitioner&_id=p1,d1&_revinclude=Observation:*": [
            "Patient/p1", "Practitioner/d1", "Observation/o1", "Observation/o2"],
    }  # fmt: skip
    for address, expected in table.items():
        if expected is None:
            assert (await refusal(ward, address))[0] == 400, address
        elif "include" in address:
            assert sorted(await found(ward, address)) == sorted(expected), address
        else:
            assert await found(ward, address) == expected, address


async def test_only_what_all_the_types_have_can_be_asked_of_them(ward: Served) -> None:
    table = {
        "?_type=Patient,Observation&birthdate=1980": "Observation has no search parameter birthdate",
        "?birthdate=1980": "Condition has no search parameter birthdate",
        "?_type=Patient,Observation&_sort=birthdate": "Parameter _sort: Observation has no search parameter birthdate",
        "?_type=Patient,Xyzzy": "Parameter _type: Xyzzy is no type that is kept here",
        "?_type=": "Parameter _type: (unreadable) is no type that is kept here",
        "?_type=Patient&_type=Observation": "Parameter _type is given more than once; list the types with commas",
        "/Patient?_type=Patient": "Patient has no search parameter _type",
    }
    for address, text in table.items():
        status, _, said = await refusal(ward, address)
        assert (status, said.partition(";")[0]) == (400, text.partition(";")[0]), address


async def test_pages_of_the_system_follow_each_other_as_those_of_a_type(ward: Served) -> None:
    whole = await found(ward, "?_count=100&_type=Patient,Observation,Encounter")
    walked: list[str] = []
    address = "?_count=2&_type=Patient,Observation,Encounter"
    for _ in range(10):
        page = (await ward.http.get(f"/fhir{address}")).json()
        walked += [entry["fullUrl"].removeprefix(f"{BASE}/") for entry in page["entry"]]
        following = [link["url"] for link in page["link"] if link["relation"] == "next"]
        if not following:
            break
        address = following[0].removeprefix(BASE)
    assert walked == whole
    assert len(whole) == 7


async def test_a_compartment_holds_what_its_definition_says(ward: Served) -> None:
    table = {
        "/Patient/p1/Observation": ["Observation/o2", "Observation/o1"],
        "/Patient/p1/Observation?code=j": ["Observation/o2"],
        "/Patient/p1/Observation?_tag=round": ["Observation/o1"],
        "/Patient/p1/*": ["Observation/o2", "Observation/o1", "Encounter/e1", "Patient/p1"],
        "/Patient/p1/*?_type=Encounter,Observation&_count=1": ["Observation/o2"],
        "/Patient/p1/*?_tag:not=round": ["Observation/o2"],
        "/Encounter/e1/Observation": ["Observation/o1"],
        "/Encounter/e1/Encounter": ["Encounter/e1"],
        "/Encounter/e1/*": ["Observation/o1", "Encounter/e1"],
        "/Practitioner/d1/Observation": ["Observation/o1"],
        "/Practitioner/d1/*": ["Observation/o1", "Practitioner/d1"],
        "/Practitioner/d1/Observation?code=j": [],
        "/Device/x/Observation": [],
        "/RelatedPerson/x/Observation": [],
        "/Patient/nobody/Observation": [],
        "/Patient/nobody/*": [],
    }
    assert {address: await found(ward, address) for address in table} == table


async def test_what_is_no_compartment_is_not_found(ward: Served) -> None:
    table = {
        "/Observation/o1/Encounter": "resources of this type have no compartment",
        "/Patient/p1/Practitioner": "no Practitioner lies in the compartment of a Patient",
        "/Patient/p1/Xyzzy": "there is no such resource type here",
        "/Patient/p1/$xyzzy": "there is no such operation here",
        "/Patient/p_1/Observation": "there is no such resource",
    }
    assert {address: (await refusal(ward, address))[2] for address in table} == table
    assert {(await refusal(ward, address))[0] for address in table} == {404}


async def test_posting_a_search_is_the_same_as_getting_it(ward: Served) -> None:
    table = {
        ("/_search", "_type=Patient&_id=p1"): "?_type=Patient&_id=p1",
        ("/_search?_type=Patient", "_id=p1"): "?_type=Patient&_id=p1",
        ("/Patient/p1/Observation/_search", "code=j"): "/Patient/p1/Observation?code=j",
        ("/Patient/p1/_search", "_tag=round"): "/Patient/p1/*?_tag=round",
        ("/Patient/p1/*/_search", "_tag=round"): "/Patient/p1/*?_tag=round",
    }
    for (address, form), same in table.items():
        posted = await ward.http.post(f"/fhir{address}", content=form, headers=FORM)
        assert posted.status_code == 200, posted.text
        assert posted.json() == (await ward.http.get(f"/fhir{same}")).json()


async def test_a_search_of_the_system_finds_no_type_that_the_caller_may_not_search(ward: Served) -> None:
    some = ward.as_caller("system/Patient.rs system/Encounter.s system/Observation.r")
    assert await found(ward, "", **some) == ["Encounter/e2", "Encounter/e1", "Patient/p2", "Patient/p1"]
    assert await found(ward, "/Patient/p1/*", **some) == ["Encounter/e1", "Patient/p1"]
    assert (await refusal(ward, "?_type=Patient,Observation", **some))[:2] == (403, "forbidden")
    assert (await refusal(ward, "/Patient/p1/Observation", **some))[:2] == (403, "forbidden")
    assert (await refusal(ward, "", **ward.as_caller("openid")))[:2] == (403, "forbidden")


async def test_a_caller_confined_to_a_patient_finds_nothing_of_another_in_any_context(ward: Served) -> None:
    mine = ward.as_caller("patient/*.rs", patient="p1")
    own = ["Observation/o2", "Observation/o1", "Encounter/e1", "Patient/p1", "Practitioner/d1", "Organization/w1"]
    table = {
        "": own,
        "?_type=Patient,Encounter": ["Encounter/e1", "Patient/p1"],
        "?_type=Patient,Organization": ["Patient/p1", "Organization/w1"],
        "?_id=p1,p2,o3": ["Patient/p1"],
        "/Patient/p1/*": ["Observation/o2", "Observation/o1", "Encounter/e1", "Patient/p1"],
        "/Encounter/e1/*": ["Observation/o1", "Encounter/e1"],
        "/Encounter/e2/*": [],
        "/Practitioner/d1/Observation": ["Observation/o1"],
    }
    assert {address: await found(ward, address, **mine) for address in table} == table
    for address in ("/Patient/p2/Observation", "/Patient/p2/*", "/Patient/nobody/Observation"):
        assert await refusal(ward, address, **mine) == (404, "not-found", "there is no such resource"), address


async def test_every_compartment_of_r4_can_be_searched_for_every_type_it_holds(server: Served) -> None:
    assert set(definitions().compartments) == {"Patient", "Encounter", "Practitioner", "RelatedPerson", "Device"}
    dialect = server.database.dialect
    for compartment in definitions().compartments:
        for type_name in definitions().resource_types:
            if definitions().compartment_parameters(compartment, type_name):
                statement = Statement(dialect, snapshot=None, purview=UNCONFINED)
                rows = within(Owner(compartment, "x"), [type_name]).rows(statement)
                assert rows, (compartment, type_name)
                assert await server.database.fetch(rows, *statement.arguments) == []


async def test_a_list_selects_what_it_names_and_only_for_who_may_search_lists(database: Database) -> None:
    types = ("Patient", "Encounter", "Observation", "List")
    async with served(Service("all", tuple(Owned(name) for name in types)), database) as server:
        entries = [{"item": {"reference": f"{named}"}} for named in ("Patient/p1", "Observation/o1")]
        listed = {"resourceType": "List", "id": "l1", "status": "current", "mode": "working", "entry": entries}
        for resource in (patient("p1"), patient("p2"), observation("o1", "p1"), observation("o2", "p1"), listed):
            await given(server, resource)
        table = {
            "/Patient?_list=l1": ["Patient/p1"],
            "/Patient?_list=List/l1": ["Patient/p1"],
            "/Patient?_list=nobody": [],
            "/Patient?_list=nobody,l1": ["Patient/p1"],
            "/Patient?_list=l1&_id=p2": [],
            "/Observation?_list=l1&code=k": ["Observation/o1"],
            "/Observation?patient._list=l1": ["Observation/o2", "Observation/o1"],
            "?_list=l1": ["Observation/o1", "Patient/p1"],
            "?_type=Patient,Encounter&_list=l1": ["Patient/p1"],
        }
        assert {address: await found(server, address) for address in table} == table
        without_lists = server.as_caller("system/Patient.rs")
        assert (await refusal(server, "/Patient?_list=l1", **without_lists))[:2] == (400, "not-supported")
        refused = {"$current-problems": "not-supported", "a/b/c": "value", "": "value", "a b": "value"}
        asked = {value: (await refusal(server, f"/Patient?_list={value}"))[:2] for value in refused}
        assert asked == {value: (400, code) for value, code in refused.items()}


async def test_lists_that_another_service_keeps_are_not_searched_by_here(ward: Served) -> None:
    assert (await refusal(ward, "/Patient?_list=l1"))[:2] == (400, "not-supported")


async def test_an_iterated_include_goes_on_to_its_end_or_says_that_it_is_too_far(server: Served) -> None:
    await given(server, {"resourceType": "Organization", "id": "g0", "name": "g"})
    for number in range(1, ROUNDS_MAX + 2):
        part_of = {"reference": f"Organization/g{number - 1}"}
        await given(server, {"resourceType": "Organization", "id": f"g{number}", "name": "g", "partOf": part_of})
    for spelling in ("iterate", "recurse"):
        include = f"_include:{spelling}=Organization:partof"
        whole = await found(server, f"/Organization?_id=g{ROUNDS_MAX}&{include}")
        assert sorted(whole) == [f"Organization/g{number}" for number in range(ROUNDS_MAX + 1)]
        status, code, _ = await refusal(server, f"/Organization?_id=g{ROUNDS_MAX + 1}&{include}")
        assert (status, code) == (400, "too-costly")
    part_of = {"reference": "Organization/g3"}
    await given(server, {"resourceType": "Organization", "id": "g0", "name": "g", "partOf": part_of})
    around = await found(server, "/Organization?_id=g3&_include:iterate=Organization:partof")
    assert sorted(around) == [f"Organization/g{number}" for number in range(4)]
