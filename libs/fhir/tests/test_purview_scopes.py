"""Scopes narrowed by a query: what they find, what they let be written, and that what is not understood is closed.

https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html#finer-grained-resource-constraints-using-search-parameters
"""

from typing import Any

import pytest

from bedside.fhir.rest.testing import Served

CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
LABORATORY = f"category={CATEGORY}|laboratory"
VITALS = f"category={CATEGORY}|vital-signs"
MINE = {"patient": "mine", "roles": ["physician"]}


def observation(id: str, category: str, of: str = "mine", **elements: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": id,
        "status": "final",
        "code": {"text": "x"},
        "category": [{"coding": [{"system": CATEGORY, "code": category}]}],
        "subject": {"reference": f"Patient/{of}"},
        **elements,
    }


@pytest.fixture(autouse=True)
async def given(server: Served) -> None:
    for resource in (
        {"resourceType": "Patient", "id": "mine"},
        {"resourceType": "Patient", "id": "other"},
        observation("lab", "laboratory"),
        observation("vital", "vital-signs"),
        observation("survey", "survey", status="amended"),
        observation("other-lab", "laboratory", of="other"),
        observation("other-vital", "vital-signs", of="other"),
    ):
        answer = await server.http.put(f"/fhir/{resource['resourceType']}/{resource['id']}", json=resource)
        assert answer.status_code == 201, answer.text


async def found(server: Served, scope: str, **claims: Any) -> set[str] | int:
    """The ids that a search for all Observations finds; or its status."""
    answer = await server.http.get("/fhir/Observation?_total=accurate", headers=server.as_caller(scope, **claims))
    if answer.status_code != 200:
        return answer.status_code
    ids = {entry["resource"]["id"] for entry in answer.json().get("entry", [])}
    assert answer.json()["total"] == len(ids)
    return ids


@pytest.mark.parametrize(
    ("scope", "ids"),
    [
        (f"system/Observation.rs?{LABORATORY}", {"lab", "other-lab"}),
        ("system/Observation.rs?category=laboratory", {"lab", "other-lab"}),
        (f"system/Observation.rs?{LABORATORY},{CATEGORY}|survey", {"lab", "other-lab", "survey"}),
        (f"system/Observation.rs?{LABORATORY}&subject=Patient/mine", {"lab"}),
        (f"system/Observation.rs?{LABORATORY} system/Observation.rs?status=amended", {"lab", "other-lab", "survey"}),
        (f"system/*.rs?{LABORATORY}", {"lab", "other-lab"}),
        (f"system/Observation.rs?{LABORATORY} system/Observation.s?status=amended", {"lab", "other-lab", "survey"}),
        ("system/Observation.rs?category:not=laboratory", {"vital", "survey", "other-vital"}),
        ("system/Observation.rs?_id=lab,vital", {"lab", "vital"}),
        (f"system/Observation.r?{LABORATORY}", 403),
        (f"system/Observation.cud?{LABORATORY}", 403),
    ],
)  # fmt: skip
async def test_a_narrowed_scope_finds_what_meets_it(server: Served, scope: str, ids: set[str] | int) -> None:
    assert await found(server, scope) == ids


@pytest.mark.parametrize(
    ("scope", "ids"),
    [
        (f"patient/Observation.rs?{LABORATORY}", {"lab"}),
        (f"patient/Observation.rs?{LABORATORY} user/Observation.rs?{VITALS}", {"lab", "vital", "other-vital"}),
        (f"patient/Observation.read user/Observation.rs?{LABORATORY}", {"lab", "vital", "survey", "other-lab"}),
        (f"patient/Observation.rs?{LABORATORY} patient/Observation.rs?{VITALS}", {"lab", "vital"}),
        ("patient/*.read", {"lab", "vital", "survey"}),
    ],
)
async def test_several_scopes_are_alternatives_each_in_its_context(
    server: Served, scope: str, ids: set[str] | int
) -> None:
    assert await found(server, scope, **MINE) == ids


_NOT_UNDERSTOOD = f"""
    nonsense=1 category:nonsense=x date=soon category= =x category _count=1 _sort=date _total=none _include=*
    subject:Patient.name=x _has:Observation:subject:code=x _list=x _filter=x status=a\\,b value-quantity=much
    {LABORATORY}&nonsense=1
""".split()


@pytest.mark.parametrize("query", _NOT_UNDERSTOOD)
@pytest.mark.parametrize("context", ["system", "user", "patient"])
async def test_a_constraint_that_is_not_understood_grants_nothing(server: Served, context: str, query: str) -> None:
    scope = f"{context}/Observation.cruds?{query}"
    headers = server.as_caller(scope, **MINE)
    assert await found(server, scope, **MINE) == 403
    for method, address in (("GET", "lab"), ("GET", "lab/_history"), ("DELETE", "lab"), ("PUT", "lab")):
        body = {"json": observation("lab", "laboratory")} if method == "PUT" else {}
        answer = await server.http.request(method, f"/fhir/Observation/{address}", headers=headers, **body)
        assert answer.status_code == 403, (method, address)


async def test_a_read_outside_the_narrowed_scope_finds_nothing(server: Served) -> None:
    headers = server.as_caller(f"system/Observation.rs?{LABORATORY}")
    seen = {}
    for address in ("lab", "lab/_history", "lab/_history/1", "vital", "vital/_history", "vital/_history/1", "none"):
        seen[address] = (await server.http.get(f"/fhir/Observation/{address}", headers=headers)).status_code
    within = dict.fromkeys(("lab", "lab/_history", "lab/_history/1"), 200)
    assert seen == within | dict.fromkeys(("vital", "vital/_history", "vital/_history/1", "none"), 404)


async def test_a_version_is_judged_by_what_it_said_then(server: Served) -> None:
    await server.http.put("/fhir/Observation/lab", json=observation("lab", "vital-signs"))
    await server.http.put("/fhir/Observation/vital", json=observation("vital", "laboratory"))
    headers = server.as_caller(f"system/Observation.rs?{LABORATORY}")
    seen = {
        address: (await server.http.get(f"/fhir/Observation/{address}", headers=headers)).status_code
        for address in ("lab", "lab/_history/1", "lab/_history/2", "vital", "vital/_history/1", "vital/_history/2")
    }
    assert seen == {
        "lab": 404,
        "lab/_history/1": 200,
        "lab/_history/2": 404,
        "vital": 200,
        "vital/_history/1": 404,
        "vital/_history/2": 200,
    }


async def test_a_deletion_is_shown_to_whom_the_deleted_was(server: Served) -> None:
    for id in ("lab", "vital"):
        await server.http.delete(f"/fhir/Observation/{id}")
    headers = server.as_caller(f"system/Observation.rs?{LABORATORY}")
    statuses = [
        (await server.http.get(f"/fhir/Observation/{address}", headers=headers)).status_code
        for address in ("lab", "lab/_history", "vital", "vital/_history", "vital/_history/2")
    ]
    assert statuses == [410, 200, 404, 404, 404]


WRITER = f"system/Observation.cud?{LABORATORY} system/Patient.rs"


@pytest.mark.parametrize(
    ("method", "address", "category", "status"),
    [
        ("POST", "", "laboratory", 201),
        ("POST", "", "vital-signs", 403),
        ("PUT", "/lab", "laboratory", 200),
        ("PUT", "/lab", "vital-signs", 403),
        ("PUT", "/vital", "laboratory", 404),
        ("PUT", "/vital", "vital-signs", 404),
        ("PUT", "/none", "laboratory", 404),
        ("DELETE", "/lab", None, 204),
        ("DELETE", "/vital", None, 404),
        ("DELETE", "/none", None, 404),
    ],
)
async def test_a_write_stays_within_the_narrowed_scope(
    server: Served, method: str, address: str, category: str | None, status: int
) -> None:
    body = {} if category is None else {"json": observation(address[1:] or "new", category, note=[{"text": "n"}])}
    answer = await server.http.request(method, f"/fhir/Observation{address}", headers=server.as_caller(WRITER), **body)
    assert answer.status_code == status, answer.text
    if status >= 400:
        kept = await server.http.get("/fhir/Observation?_total=accurate&_summary=count")
        assert kept.json()["total"] == 5
        assert (await server.http.get("/fhir/Observation/lab")).headers["etag"] == 'W/"1"'


async def test_what_may_be_read_but_not_so_written_is_forbidden_and_not_absent(server: Served) -> None:
    headers = server.as_caller(f"system/Observation.rs system/Observation.ud?{LABORATORY}")
    changed = observation("vital", "vital-signs", note=[{"text": "n"}])
    put = await server.http.put("/fhir/Observation/vital", json=changed, headers=headers)
    deleted = await server.http.delete("/fhir/Observation/vital", headers=headers)
    assert (put.status_code, deleted.status_code) == (403, 403)


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_each_entry_of_a_bundle_is_held_to_the_narrowed_scope(server: Served, kind: str) -> None:
    entries = [
        {"resource": observation("x", category), "request": {"method": "POST", "url": "Observation"}}
        for category in ("laboratory", "vital-signs")
    ]
    answer = await server.bundle(kind, *entries, **server.as_caller(WRITER))
    if kind == "transaction":
        assert (answer.status_code, answer.json()["issue"][0]["expression"]) == (403, ["Bundle.entry[1].resource"])
    else:
        assert [e["response"]["status"] for e in answer.json()["entry"]] == ["201 Created", "403 Forbidden"]


async def test_an_app_of_one_patient_writes_about_nobody_else(server: Served) -> None:
    headers = server.as_caller("patient/Observation.cruds", **MINE)
    mine = observation("lab", "laboratory")
    cases = {
        "its own": (mine, 201),
        "another's": (observation("lab", "laboratory", of="other"), 422),
        "both, by another way": (mine | {"performer": [{"reference": "Patient/other"}]}, 422),
        "another's, performed by its own": (
            observation("lab", "laboratory", of="other", performer=[{"reference": "Patient/mine"}]),
            422,
        ),
        "nobody's": ({name: value for name, value in mine.items() if name != "subject"}, 403),
    }
    seen = {}
    for name, (resource, _) in cases.items():
        made = await server.http.post("/fhir/Observation", json=resource, headers=headers)
        seen[name] = made.status_code
    assert seen == {name: status for name, (_, status) in cases.items()}
    moved = observation("lab", "laboratory", of="other")
    assert (await server.http.put("/fhir/Observation/lab", json=moved, headers=headers)).status_code == 422


async def test_an_app_of_one_patient_chooses_no_id_but_a_random_one(server: Served) -> None:
    headers = server.as_caller("patient/Observation.cruds", **MINE) | {"if-none-match": "*"}
    statuses = []
    for id in ("lab", "other-lab", "none", "0b4ee4f2-6f0e-4d8c-9a3e-2f6a1d3c4b5a"):
        answer = await server.http.put(f"/fhir/Observation/{id}", json=observation(id, "laboratory"), headers=headers)
        statuses.append(answer.status_code)
    assert statuses == [403, 403, 403, 201]


async def test_a_conditional_create_finds_only_what_may_be_searched(server: Served) -> None:
    identified = {"identifier": [{"system": "urn:x", "value": "1"}]}
    await server.http.put("/fhir/Observation/vital", json=observation("vital", "vital-signs", **identified))
    new = observation("x", "laboratory", **identified)
    condition = {"if-none-exist": "identifier=urn:x|1"}
    blind = await server.http.post("/fhir/Observation", json=new, headers=server.as_caller(WRITER) | condition)
    scope = f"system/Observation.cs?{LABORATORY} system/Patient.rs"
    narrow = await server.http.post("/fhir/Observation", json=new, headers=server.as_caller(scope) | condition)
    again = await server.http.post("/fhir/Observation", json=new, headers=server.as_caller(scope) | condition)
    assert (blind.status_code, narrow.status_code, again.status_code) == (403, 201, 200)
    assert again.json()["id"] == narrow.json()["id"]


@pytest.mark.parametrize(
    ("scope", "included"),
    [
        ("system/Patient.rs", set()),
        (f"system/Patient.rs system/Observation.rs?{LABORATORY}", {"lab", "other-lab"}),
        (f"system/Patient.rs system/Observation.s system/Observation.r?{VITALS}", {"vital", "other-vital"}),
    ],
)
async def test_what_is_included_is_held_to_what_may_be_read(server: Served, scope: str, included: set[str]) -> None:
    answer = await server.http.get("/fhir/Patient?_revinclude=Observation:subject", headers=server.as_caller(scope))
    entries = answer.json()["entry"]
    assert {e["resource"]["id"] for e in entries if e["search"]["mode"] == "include"} == included


@pytest.mark.parametrize(
    ("scope", "id", "status"),
    [
        ("system/Observation.u", "lab", 403),
        ("system/Observation.u", "none", 403),
        (f"system/Observation.u system/Observation.r?{LABORATORY}", "lab", 200),
        (f"system/Observation.u system/Observation.r?{LABORATORY}", "vital", 404),
        (f"system/Observation.ru?{LABORATORY} system/Patient.rs", "lab", 200),
        (f"system/Observation.ru?{LABORATORY} system/Patient.rs", "vital", 404),
    ],
)
async def test_a_patch_is_for_who_may_read_what_it_changes(server: Served, scope: str, id: str, status: int) -> None:
    patch = [{"op": "add", "path": "/language", "value": "en"}]
    headers = server.as_caller(scope) | {"content-type": "application/json-patch+json"}
    answer = await server.http.patch(f"/fhir/Observation/{id}", json=patch, headers=headers)
    assert answer.status_code == status, answer.text


async def test_a_conditional_update_that_finds_nothing_creates_within_the_narrowed_scope(server: Served) -> None:
    headers = server.as_caller(f"system/Observation.us?{LABORATORY} system/Patient.rs")
    new = {name: value for name, value in observation("x", "laboratory").items() if name != "id"}
    statuses = [
        (await server.http.put("/fhir/Observation?identifier=none", json=each, headers=headers)).status_code
        for each in (new, observation("x", "laboratory"), new | {"category": observation("x", "survey")["category"]})
    ]
    assert statuses == [201, 404, 403]
