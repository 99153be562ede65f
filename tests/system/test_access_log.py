"""Every request for patients' data is one entry of the access log: who, what, about whom, and how it ended.

And attack 73: nothing that anybody typed, and nothing secret, is in it; nor in the events, nor in the services' logs.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bedside.auth.access_log.examining import examined
from bedside.fhir.validation import validate
from bedside.service import Settings
from tests.platform import Platform
from tests.system.access import Access

pytestmark = pytest.mark.slow
ARRIVES_WITHIN_S = 15.0
PLANTED_NAME, PLANTED_NUMBER, PLANTED_TEXT = "Quillfeather", "MRN-73-4711", "zanzibar-glaucoma"


@pytest.fixture(scope="module")
def access(platform: Platform) -> Access:
    return Access(platform.demo)


@pytest.fixture(scope="module")
def admin(access: Access) -> Iterator[httpx.Client]:
    token = access.user_token("admin", scope="openid user/AuditEvent.rs")
    with access.fhir(token) as client:
        yield client


def patient(id_: str, *, family: str = "Log", number: str | None = None) -> dict[str, Any]:
    number = number or f"MRN-{id_}"
    return {
        "resourceType": "Patient",
        "id": id_,
        "name": [{"family": family}],
        "identifier": [{"system": "http://hospital.example.org/mrn", "value": number}],
    }


def entries(admin: httpx.Client, query: str, *, at_least: int = 1) -> list[dict[str, Any]]:
    """Oldest first; they arrive within a second or so."""
    deadline = time.monotonic() + ARRIVES_WITHIN_S
    while True:
        answer = admin.get(f"AuditEvent?_sort=date&_count=500&{query}")
        assert answer.status_code == 200, answer.text
        found = [entry["resource"] for entry in answer.json().get("entry", [])]
        if len(found) >= at_least or time.monotonic() > deadline:
            return found
        time.sleep(0.2)


def told(entry: dict[str, Any]) -> tuple[str, str, list[str], list[str]]:
    """Action, outcome, the patients, the names of parameters."""
    entities = entry.get("entity", [])
    references = [each["what"]["reference"] for each in entities if "reference" in each.get("what", {})]
    details = [detail for each in entities for detail in each.get("detail", [])]
    return (
        entry["subtype"][-1]["code"],
        entry["outcome"],
        sorted(each for each in references if each.startswith("Patient/")),
        [detail["valueString"] for detail in details if detail["type"] == "parameter"],
    )


def test_each_read_write_search_view_and_refusal_is_one_entry(access: Access, admin: httpx.Client) -> None:
    physician = access.user_token("physician")
    with access.fhir(access.client_token()) as integrator:
        integrator.put("Patient/log1", json=patient("log1")).raise_for_status()
        observation = {
            "resourceType": "Observation",
            "status": "final",
            "code": {"text": "weight"},
            "subject": {"reference": "Patient/log1"},
        }
        integrator.post("Observation", json=observation, headers={"Prefer": "return=minimal"}).raise_for_status()
    with access.fhir(physician) as client:
        client.get("Patient/log1").raise_for_status()
        client.get("Observation?patient=Patient/log1&status=final&code:text=wei").raise_for_status()
        client.post("Observation/_search", data={"subject": "Patient/log1", "_count": "5"}).raise_for_status()
        client.get("Patient/log1/_history").raise_for_status()
    assert access.view(physician, "physician/patients/log1/chart").status_code == 200
    with access.fhir(access.user_token("frontdesk")) as frontdesk:
        assert frontdesk.get("Patient/log1").status_code == 200
        assert frontdesk.delete("Patient/log1").status_code == 403

    # To look it up is an access too, and told as one.
    found = [each for each in entries(admin, "patient=log1", at_least=9) if "_sort" not in told(each)[3]]

    about = ["Patient/log1"]
    assert [told(entry) for entry in found] == [
        ("update", "0", about, []),
        ("create", "0", about, []),
        ("read", "0", about, []),
        ("search-type", "0", about, ["code", "patient", "status"]),
        ("search-type", "0", about, ["_count", "subject"]),
        ("history-instance", "0", about, []),
        ("view", "0", about, []),
        ("read", "0", about, []),
        ("delete", "4", about, []),
    ]
    assert [issue for entry in found for issue in validate(entry)] == []
    assert {entry["source"]["site"] for entry in found} == {"gateway"}
    read = found[2]
    assert [agent["who"].get("reference") or agent["altId"] for agent in read["agent"]] == [
        "Practitioner/dr-shah",
        "workbench",
    ]
    assert [role["coding"][0]["code"] for role in read["agent"][0]["role"]] == ["physician"]


def test_who_asks_an_owner_directly_is_noted_there_and_who_comes_by_the_gateway_only_once(
    access: Access, admin: httpx.Client
) -> None:
    with access.fhir(access.client_token()) as integrator:
        integrator.put("Patient/log2", json=patient("log2")).raise_for_status()
        integrator.get("Patient/log2").raise_for_status()
    owner = access.demo["patients"]
    token = access.client_token(resource=owner)
    httpx.get(f"{owner}/fhir/Patient/log2", headers={"Authorization": f"Bearer {token}"}).raise_for_status()

    found = entries(admin, "patient=log2", at_least=3)

    assert [(told(entry)[0], entry["source"]["site"]) for entry in found] == [
        ("update", "gateway"),
        ("read", "gateway"),
        ("read", "patients"),
    ]


def test_a_bundle_is_one_entry_about_all_whom_it_concerned(access: Access, admin: httpx.Client) -> None:
    put = [
        {"request": {"method": "PUT", "url": f"Patient/{id_}"}, "resource": patient(id_)} for id_ in ("log3", "log4")
    ]
    with access.fhir(access.client_token()) as integrator:
        answer = integrator.post("", json={"resourceType": "Bundle", "type": "transaction", "entry": put})
        assert answer.status_code == 200, answer.text

    [entry] = entries(admin, "patient=log4")

    assert told(entry) == ("transaction", "0", ["Patient/log3", "Patient/log4"], [])


def test_the_base_says_that_it_serves_the_log(access: Access) -> None:
    statement = httpx.get(f"{access.demo['fhir']}/metadata").json()

    [log] = [each for each in statement["rest"][0]["resource"] if each["type"] == "AuditEvent"]
    assert [each["code"] for each in log["interaction"]] == ["read", "search-type"]
    assert validate(statement) == []


@pytest.mark.parametrize(("username", "scope"), [("physician", "user/*.cruds"), ("physician", "user/AuditEvent.rs")])
def test_who_may_not_read_the_log_is_refused_at_the_base(access: Access, username: str, scope: str) -> None:
    with access.fhir(access.user_token(username, scope=f"openid user/Patient.r {scope}")) as client:
        assert client.get("AuditEvent").status_code == 403
        assert client.get("AuditEvent/x").status_code == 403
        assert client.post("AuditEvent", json={"resourceType": "AuditEvent"}).status_code in (403, 405)


def test_a_patient_sees_at_the_base_who_looked_at_their_record(access: Access) -> None:
    with access.fhir(access.user_token("physician")) as physician:
        physician.get("Patient/p1").raise_for_status()
        physician.get("Patient/p2").raise_for_status()
    with access.fhir(access.user_token("patient", scope="openid patient/AuditEvent.rs")) as own:
        found = entries(own, "agent=Practitioner/dr-shah")
        assert entries(own, "patient=p2", at_least=0) == []

    assert found
    assert {reference for entry in found for reference in told(entry)[2]} == {"Patient/p1"}


def test_attack_73_an_entry_for_each_event_an_unbroken_chain_and_nothing_secret_or_typed(
    platform: Platform, access: Access, admin: httpx.Client
) -> None:
    secrets_used = [user["password"] for user in access.demo["users"]]
    secrets_used += [client["client_secret"] for client in access.demo["clients"] if client.get("client_secret")]
    physician, integrator = access.user_token("physician"), access.client_token()
    secrets_used += [physician, integrator, physician.rpartition(".")[2], "wrong-password-73"]
    httpx.post(f"{access.demo['auth']}/token", data={"grant_type": "client_credentials"}, auth=("integrator", "no-73"))
    with access.fhir(integrator) as client:
        planted = patient("log73", family=PLANTED_NAME, number=PLANTED_NUMBER)
        client.put("Patient/log73", json=planted).raise_for_status()
        client.get(f"Patient?family={PLANTED_NAME}&identifier={PLANTED_NUMBER}").raise_for_status()
        client.post("Patient/_search", data={"name": PLANTED_NAME}).raise_for_status()
        client.get(f"Patient?{PLANTED_TEXT}=1")
        client.get(f"Patient/{PLANTED_NUMBER}/${PLANTED_TEXT}")
        client.get(f"Observation?code:text={PLANTED_TEXT}").raise_for_status()
        client.get(f"Patient/{PLANTED_NUMBER}")
        client.get("Patient/log73", headers={"X-Request-Id": PLANTED_TEXT}).raise_for_status()
    httpx.get(
        f"{access.demo['fhir']}/Patient/{PLANTED_NUMBER}?{PLANTED_TEXT}=1", headers={"Authorization": "Bearer no-73"}
    )
    access.view(physician, "physician/patients/log73/chart", Access_Reason=PLANTED_TEXT)

    found = entries(admin, "patient=log73&subtype=view")
    assert [told(entry)[0] for entry in found] == ["view"]
    refused = entries(admin, "altid=integrator&outcome=4")
    assert refused, "what was refused is told as well"
    written = {path: path.read_bytes() for path in _kept(platform.data_dir)}
    assert len(written) >= 4
    for text in [*secrets_used, PLANTED_NAME, PLANTED_NUMBER, "no-73"]:
        assert [path.name for path, content in written.items() if text.encode() in content] == [], text[:12]
    sound = list(
        examined(
            Settings(data_dir=platform.data_dir).database_url("auth"),
            Settings(data_dir=platform.data_dir).kept_secret,
            platform.data_dir,
        )
    )
    assert [right for right, _ in sound] == [True] * len(sound), sound


def _kept(folder: Path) -> list[Path]:
    """The databases of auth, with what lies beside them; the journals; the services' logs."""
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and (path.name.startswith("auth.db") or path.suffix in (".accesses", ".log", ".anchors"))
    ] + [path for path in (folder / "said",) if path.exists()]
