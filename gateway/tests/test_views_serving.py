"""How views are served: refusals, budgets, caching, description."""

import time
from typing import Any

import pytest

from bedside.gateway.viewing.testing import RecordsInMemory, ViewsInMemory
from bedside.gateway.views import VIEWS

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p1",
    "name": [{"family": "Okafor", "given": ["Margaret"]}],
    "birthDate": "1954-11-02",
    "identifier": [{"type": {"coding": [{"code": "MR"}]}, "value": "MRN-1001"}],
}
CHART = "/physician/patients/p1/chart"


@pytest.fixture
def records() -> RecordsInMemory:
    return RecordsInMemory([PATIENT])


@pytest.fixture
def views(records: RecordsInMemory) -> ViewsInMemory:
    return ViewsInMemory(records)


ROUTES = [(role, f"/{role}/{view.path}".replace("{id}", "p1")) for view in VIEWS for role in view.roles]
ROLES = ["physician", "nurse", "pharmacist", "coordinator", "frontdesk", "billing", "patient", "admin"]


@pytest.mark.parametrize(("role", "path"), ROUTES)
@pytest.mark.parametrize("caller", ROLES)
async def test_a_view_is_for_its_role_alone(views: ViewsInMemory, role: str, path: str, caller: str) -> None:
    answer = await views.get(path, role=caller)
    if caller == role:
        assert answer.status_code == 200
    else:
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:problem:not-your-role")
        assert answer.headers["content-type"] == "application/problem+json"


async def test_without_a_token_nothing_is_told(views: ViewsInMemory) -> None:
    answer = await views.http.get(CHART)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    answer = await views.http.get(CHART, headers={"Authorization": "Bearer nonsense"})
    assert answer.status_code == 401


@pytest.mark.parametrize("id_", ["nobody", "..%2f..", "a" * 65, "mrn:none", "%00", "p1;x"])
async def test_an_unknown_patient_is_not_found(views: ViewsInMemory, id_: str) -> None:
    answer = await views.get(f"/physician/patients/{id_}/chart")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


async def test_a_number_leads_to_the_patient(views: ViewsInMemory) -> None:
    answer = await views.get("/physician/patients/mrn:MRN-1001/chart")
    assert (answer.status_code, answer.headers["Location"]) == (307, CHART)


async def test_a_merged_patient_names_the_survivor(records: RecordsInMemory, views: ViewsInMemory) -> None:
    records.records = [{**PATIENT, "link": [{"type": "replaced-by", "other": {"reference": "Patient/p9"}}]}]
    answer = await views.get(CHART)
    assert (answer.status_code, answer.json()["type"], answer.json()["survivor"]) == (
        410,
        "urn:problem:merged-away",
        "p9",
    )


async def test_an_unchanged_view_is_not_sent_again(views: ViewsInMemory) -> None:
    first = await views.get(CHART)
    again = await views.get(CHART, If_None_Match=first.headers["ETag"])
    assert (again.status_code, again.content) == (304, b"")


async def test_a_changed_view_is_sent_again(records: RecordsInMemory, views: ViewsInMemory) -> None:
    first = await views.get(CHART)
    records.records = [{**PATIENT, "birthDate": "1960"}]
    assert (await views.get(CHART, If_None_Match=first.headers["ETag"])).status_code == 200


async def test_a_slow_source_costs_its_budget_and_its_section_alone(
    records: RecordsInMemory, views: ViewsInMemory
) -> None:
    records.delays_s = {"Observation": 30}
    began = time.monotonic()
    answer = await views.get(CHART)
    assert time.monotonic() - began < 2.5
    chart = answer.json()
    assert chart["latestVitals"]["status"] == chart["earlyWarning"]["status"] == "unavailable"
    assert chart["allergies"]["answer"] == "not-asked"
    assert chart["meta"]["sections"]["latestVitals"]["problem"] == "too-slow"
    assert chart["restricted"] == {"hidden": None, "breakGlass": "available"}


async def test_what_a_narrowed_scope_leaves_out_is_unknown_and_not_absent(views: ViewsInMemory) -> None:
    scope = "user/Patient.rs user/Observation.rs user/AllergyIntolerance.rs?clinical-status=active"
    answer = await views.get(CHART, scope=scope)
    told = answer.json()["meta"]["sections"]
    shown = {name: (told[name]["status"], told[name]["problem"]) for name in ("latestVitals", "allergies")}
    assert shown == {"latestVitals": ("ok", None), "allergies": ("partial", "not-permitted")}
    assert answer.headers["X-View-Completeness"] == "partial"
    assert answer.json()["allergies"]["answer"] != "none-known"


async def test_one_late_answer_of_a_safety_list_is_asked_for_again(
    records: RecordsInMemory, views: ViewsInMemory
) -> None:
    records.delays_s = {"AllergyIntolerance": 0.7}
    assert (await views.get(CHART)).json()["allergies"]["status"] == "ok"
    assert records.asked.count("AllergyIntolerance") == 2


async def test_every_key_of_every_view_is_required_by_its_description(views: ViewsInMemory) -> None:
    description = (await views.http.get("/openapi.json")).json()
    shown = {path for path, methods in description["paths"].items() if "break-glass" not in path and "get" in methods}
    assert shown == {f"/{role}/{view.path}" for view in VIEWS for role in view.roles}
    for name, schema in description["components"]["schemas"].items():
        if name not in ("Problem", "HTTPValidationError", "ValidationError"):
            assert set(schema.get("required", [])) == set(schema["properties"]), name


async def test_the_banner_tells_who_where_and_what_must_not_be_given(views: ViewsInMemory) -> None:
    banner = (await views.get("/nurse/patients/p1/banner")).json()
    assert banner["patient"]["name"] == "Margaret Okafor"
    assert banner["allergies"] == {"status": "ok", "answer": "not-asked", "headline": "Allergies not asked"}
    assert (banner["where"], banner["warnings"]) == (None, ["allergies-not-asked"])
