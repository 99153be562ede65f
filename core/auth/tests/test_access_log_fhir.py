"""The access log as FHIR AuditEvent: what a row is told as, who may see which, and how it is searched."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlmodel import col, select

from bedside.auth.access_log import Happening, record
from bedside.auth.access_log.recording import keep
from bedside.auth.minting import access_token
from bedside.auth.tables import AuditEvent, User
from bedside.fhir.validation import validate
from bedside.identity.scopes import Scopes

FHIR = "http://127.0.0.1:8000/fhir"


def token(authority: Any, scope: str, *, username: str | None = None, **claims: Any) -> dict[str, str]:
    subject = person(authority, username).id if username else "integrator"
    minted = access_token(
        authority,
        subject=subject,
        client_id="app" if username else "integrator",
        audience=FHIR,
        scopes=Scopes.parse(scope),
        claims=claims,
    )
    return {"authorization": f"Bearer {minted.compact}"}


def admin(authority: Any) -> dict[str, str]:
    return token(authority, "user/AuditEvent.rs", username="admin", roles=["admin"])


def person(authority: Any, username: str) -> User:
    with authority.units.reading() as session:
        return session.exec(select(User).where(User.username == username)).one()


def happened(authority: Any, action: str, **more: Any) -> None:
    with authority.units.unit() as session:
        record(authority, session, Happening(action, **more))


def rows(authority: Any) -> list[AuditEvent]:
    with authority.units.reading() as session:
        return list(session.exec(select(AuditEvent).order_by(col(AuditEvent.recorded_at))).all())


def actions(bundle: httpx.Response) -> list[str]:
    assert bundle.status_code == 200, bundle.text
    return [entry["resource"]["subtype"][-1]["code"] for entry in bundle.json().get("entry", [])]


@pytest.fixture
def a_day(authority: Any) -> None:
    physician = person(authority, "physician").id
    happened(authority, "sign-in", user_id=physician, client_id="app")
    happened(authority, "sign-in", outcome="refused", client_id="app", detail={"reason": "wrong-password"})
    authority.clock.advance(hours=1)
    happened(
        authority,
        "read",
        user_id=physician,
        client_id="app",
        patient="p1",
        entity="Patient/p1",
        detail={"roles": "physician nurse", "type": "Patient"},
    )
    happened(
        authority, "search-type", client_id="integrator", patient="p2", entity="Observation",
        detail={"parameters": "patient _count"},
    )  # fmt: skip
    happened(authority, "update", user_id=physician, patient="p1", entity="Observation/o1", purpose="BTG")
    happened(authority, "secret-rotated", user_id=person(authority, "admin").id, entity="Client/app")


async def test_a_read_is_told_as_who_what_when_and_whose(
    server: httpx.AsyncClient, authority: Any, a_day: None
) -> None:
    row = rows(authority)[2]
    physician = person(authority, "physician")

    told = (await server.get(f"/fhir/AuditEvent/{row.id}", headers=admin(authority))).json()

    at = row.recorded_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    dicom, types = "http://dicom.nema.org/resources/ontology/DCM", "http://terminology.hl7.org/CodeSystem"
    assert told == {
        "resourceType": "AuditEvent",
        "id": row.id,
        "meta": {"versionId": "1", "lastUpdated": at},
        "type": {"system": f"{types}/audit-event-type", "code": "rest", "display": "RESTful Operation"},
        "subtype": [
            {"system": "http://hl7.org/fhir/restful-interaction", "code": "read", "display": "read"},
            {"system": "urn:bedside:action", "code": "read", "display": "read"},
        ],
        "action": "R",
        "recorded": at,
        "outcome": "0",
        "agent": [
            {
                "type": {
                    "coding": [
                        {"system": f"{types}/extra-security-role-type", "code": "humanuser", "display": "human user"}
                    ]
                },
                "role": [
                    {"coding": [{"system": "urn:bedside:role", "code": "physician"}]},
                    {"coding": [{"system": "urn:bedside:role", "code": "nurse"}]},
                ],
                "who": {
                    "reference": "Practitioner/physician",
                    "identifier": {"system": "urn:bedside:user", "value": physician.id},
                },
                "altId": physician.id,
                "name": "The physician",
                "requestor": True,
            },
            {
                "type": {"coding": [{"system": dicom, "code": "110150", "display": "Application"}]},
                "who": {"identifier": {"system": "urn:bedside:client", "value": "app"}},
                "altId": "app",
                "name": "<b>app</b>",
                "requestor": False,
            },
        ],
        "source": {
            "site": "auth",
            "observer": {"identifier": {"system": "urn:bedside:service", "value": "auth"}},
            "type": [{"system": f"{types}/security-source-type", "code": "6", "display": "Security Server"}],
        },
        "entity": [
            {
                "what": {"reference": "Patient/p1"},
                "type": {"system": f"{types}/audit-entity-type", "code": "1", "display": "Person"},
                "role": {"system": f"{types}/object-role", "code": "1", "display": "Patient"},
            },
            {
                "type": {"system": f"{types}/audit-entity-type", "code": "4", "display": "Other"},
                "detail": [{"type": "type", "valueString": "Patient"}],
            },
        ],
    }


async def test_whatever_happened_is_told_as_valid_fhir(server: httpx.AsyncClient, authority: Any, a_day: None) -> None:
    happened(authority, "strange thing", entity="something else", detail={"reason": "none"})
    happened(authority, "client-refused")
    bundle = (await server.get("/fhir/AuditEvent", headers=admin(authority))).json()

    assert len(bundle["entry"]) == 8
    assert [issue for entry in bundle["entry"] for issue in validate(entry["resource"])] == []
    assert validate(bundle) == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", "secret-rotated update search-type read sign-in sign-in"),
        ("_sort=date", "sign-in sign-in read search-type update secret-rotated"),
        ("patient=p1", "update read"),
        ("patient=Patient/p1", "update read"),
        (f"patient={FHIR}/Patient/p1", "update read"),
        ("patient=p1,p2", "update search-type read"),
        ("patient=p1&patient=p2", ""),
        ("patient=p9", ""),
        ("agent=Practitioner/physician", "update read sign-in"),
        ("agent=physician", "update read sign-in"),
        ("agent=integrator", "search-type"),
        ("altid=integrator", "search-type"),
        ("agent-name=the phys", "update read sign-in"),
        ("agent-name=%25", ""),
        ("agent-role=nurse", "read"),
        ("agent-role=nur", ""),
        ("outcome=4", "sign-in"),
        ("outcome=http://hl7.org/fhir/audit-event-outcome|0", "secret-rotated update search-type read sign-in"),
        ("outcome=12", ""),
        ("action=R", "read"),
        ("action=U,R", "update read"),
        ("action=E", "secret-rotated search-type sign-in sign-in"),
        ("type=rest", "update search-type read"),
        ("type=http://dicom.nema.org/resources/ontology/DCM|110114", "sign-in sign-in"),
        ("type=110100", "secret-rotated"),
        ("subtype=read", "read"),
        ("subtype=http://hl7.org/fhir/restful-interaction|read", "read"),
        ("subtype=http://elsewhere|read", ""),
        ("subtype=110122", "sign-in sign-in"),
        ("subtype=urn:bedside:action|secret-rotated", "secret-rotated"),
        ("entity=Observation/o1", "update"),
        ("entity=Patient/p1", "update read"),
        ("entity-type=Observation", "update search-type"),
        ("entity-type=1", "update search-type read"),
        ("purpose=BTG", "update"),
        ("site=auth&action=R", "read"),
        ("date=ge2020", "secret-rotated update search-type read sign-in sign-in"),
        ("date=lt2020", ""),
        ("date=ge2020&date=le2021", ""),
        ("_count=2", "secret-rotated update"),
        ("_count=0", ""),
        ("_summary=count", ""),
    ],
)
async def test_it_is_searched_by(
    server: httpx.AsyncClient, authority: Any, a_day: None, query: str, found: str
) -> None:
    assert actions(await server.get(f"/fhir/AuditEvent?{query}", headers=admin(authority))) == found.split()
    if query.startswith("_"):
        return
    posted = await server.post(
        "/fhir/AuditEvent/_search",
        content=query,
        headers={**admin(authority), "content-type": "application/x-www-form-urlencoded"},
    )
    # The first search was itself an entry: it was about whoever it showed.
    assert [action for action in actions(posted) if action not in ("search-type",)] == [
        action for action in found.split() if action != "search-type"
    ]


@pytest.mark.parametrize("prefix", ["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"])
async def test_a_date_is_compared_as_its_prefix_says(server: httpx.AsyncClient, authority: Any, prefix: str) -> None:
    happened(authority, "before")
    authority.clock.advance(hours=2)
    happened(authority, "at")
    at = rows(authority)[-1].recorded_at.isoformat(timespec="minutes").replace("+00:00", "Z")
    authority.clock.advance(hours=2)
    happened(authority, "after")

    found = actions(await server.get(f"/fhir/AuditEvent?date={prefix}{at}", headers=admin(authority)))

    near = {"ap": ["at"]}  # A tenth of the two hours until now.
    assert found == {
        "eq": ["at"],
        "ne": ["after", "before"],
        "gt": ["after"],
        "sa": ["after"],
        "ge": ["after", "at"],
        "lt": ["before"],
        "eb": ["before"],
        "le": ["at", "before"],
    }.get(prefix, near.get(prefix))


@pytest.mark.parametrize(
    "query",
    [
        "unknown=1",
        "patient.name=x",
        "patient:missing=true",
        "date=yesterday",
        "date=",
        "patient=",
        "patient=p1,",
        "_count=many",
        "_count=-1",
        "_sort=patient",
        "_total=roughly",
        "_summary=text",
        "_page=nonsense",
        "_page=2026-01-01T00:00:00~x",
        "_format=xml",
        "_include=AuditEvent:patient",
        "patient=%FF",
        "patient=a%00",
        pytest.param("&".join(["patient=p1"] * 60), id="too many parameters"),
        pytest.param("patient=" + ",".join(["p1"] * 200), id="too many values"),
    ],
)
async def test_what_is_not_understood_is_refused(server: httpx.AsyncClient, authority: Any, query: str) -> None:
    answer = await server.get(f"/fhir/AuditEvent?{query}", headers=admin(authority))

    assert (answer.status_code, answer.json()["resourceType"]) == (400, "OperationOutcome"), answer.text


async def test_pages_follow_one_another_though_the_log_grows_with_each(
    server: httpx.AsyncClient, authority: Any, a_day: None
) -> None:
    url, seen = "/fhir/AuditEvent?_count=2&_total=accurate&patient=p1,p2", []
    totals = []
    for _ in range(3):
        answer = await server.get(url, headers=admin(authority))
        seen += actions(answer)
        totals.append(answer.json()["total"])
        following = [link["url"] for link in answer.json()["link"] if link["relation"] == "next"]
        if not following:
            break
        url = following[0].removeprefix("http://127.0.0.1:8000")

    assert seen == ["update", "search-type", "read"]
    # The first page showed p1's and p2's entries, and that was an access to them.
    assert totals == [3, 4]


@pytest.mark.parametrize(
    ("scope", "claims", "status"),
    [
        ("user/*.rs", {"username": "physician", "roles": ["physician"]}, 403),
        ("user/AuditEvent.rs", {"username": "physician", "roles": ["physician"]}, 403),
        ("user/AuditEvent.rs", {"username": "frontdesk", "roles": ["frontdesk"]}, 403),
        ("patient/*.rs", {"username": "patient", "roles": ["patient"], "patient": "p1"}, 403),
        ("system/*.cruds", {}, 403),
        ("openid", {"username": "admin", "roles": ["admin"]}, 403),
        ("user/AuditEvent.r", {"username": "admin", "roles": ["admin"]}, 403),
        ("user/AuditEvent.rs", {"username": "admin", "roles": ["admin"]}, 200),
        ("patient/AuditEvent.rs", {"username": "patient", "roles": ["patient"], "patient": "p1"}, 200),
        ("system/AuditEvent.s", {}, 200),
    ],
)
async def test_only_who_may_read_the_log_reads_it(
    server: httpx.AsyncClient, authority: Any, scope: str, claims: dict[str, Any], status: int
) -> None:
    assert (await server.get("/fhir/AuditEvent", headers=token(authority, scope, **claims))).status_code == status
    assert (await server.get("/fhir/AuditEvent")).status_code == 401
    refused = [row for row in rows(authority) if row.entity == "AuditEvent" and row.outcome == "refused"]
    assert len(refused) == (status == 403)


async def test_a_scope_with_a_query_shows_that_part_alone(
    server: httpx.AsyncClient, authority: Any, a_day: None
) -> None:
    narrowed = token(authority, "system/AuditEvent.rs?subtype=read")
    unknown = token(authority, "system/AuditEvent.rs?colour=red")

    assert actions(await server.get("/fhir/AuditEvent", headers=narrowed)) == ["read"]
    assert actions(await server.get("/fhir/AuditEvent", headers=unknown)) == []


async def test_a_patient_sees_who_looked_at_their_own_record_and_nothing_of_others(
    server: httpx.AsyncClient, authority: Any, a_day: None
) -> None:
    own = token(authority, "patient/AuditEvent.rs", username="patient", roles=["patient"], patient="p1")
    with authority.units.unit() as session:
        keep(
            session,
            AuditEvent(
                id="shared",
                recorded_at=authority.clock.now() + timedelta(minutes=1),
                action="search-type",
                outcome="success",
                entity="Observation",
                patients=["p1", "p2"],
                detail={},
            ),
        )
    answer = await server.get("/fhir/AuditEvent", headers=own)

    assert actions(answer) == ["search-type", "update", "read"]
    assert "p2" not in answer.text
    p2s = next(row.id for row in rows(authority) if row.patients == ["p2"])
    assert (await server.get(f"/fhir/AuditEvent/{p2s}", headers=own)).status_code == 404
    for query in (
        "patient=p2",
        "entity=Observation",
        "entity-type=Observation&subtype=search-type",
        "entity=Patient/p2",
    ):
        assert actions(await server.get(f"/fhir/AuditEvent?{query}", headers=own)) == [], query
    either = await server.get("/fhir/AuditEvent?patient=p2,p1&_sort=date&_count=2", headers=own)
    assert actions(either) == ["read", "update"]
    assert actions(await server.get("/fhir/AuditEvent?entity-type=Observation", headers=own)) == ["update"]
    assert (await server.get("/fhir/AuditEvent/shared", headers=own)).json()["entity"][0]["what"] == {
        "reference": "Patient/p1"
    }


async def test_reading_the_log_is_in_the_log(server: httpx.AsyncClient, authority: Any, a_day: None) -> None:
    await server.get("/fhir/AuditEvent?patient=p1", headers=admin(authority))

    last = rows(authority)[-1]
    assert (last.action, last.entity, last.outcome, last.patients, last.detail) == (
        "search-type",
        "AuditEvent",
        "success",
        ["p1"],
        {"roles": "admin"},
    )


async def test_what_the_gateway_asks_for_its_caller_is_for_the_gateway_to_tell(
    server: httpx.AsyncClient, authority: Any
) -> None:
    asked = token(authority, "user/AuditEvent.rs", username="admin", roles=["admin"], act={"sub": "gateway"})

    assert (await server.get("/fhir/AuditEvent", headers=asked)).status_code == 200
    assert rows(authority) == []


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json", b"{}", 415),
        ("application/x-www-form-urlencoded", b"patient=p1" + b"a" * 70_000, 415),
        ("application/x-www-form-urlencoded", b"\xff", 400),
        ("application/x-www-form-urlencoded", b"", 200),
    ],
    ids=["no form", "too long", "no text", "empty"],
)
async def test_a_posted_search_is_a_form_within_bounds(
    server: httpx.AsyncClient, authority: Any, content_type: str, body: bytes, status: int
) -> None:
    headers = {**admin(authority), "content-type": content_type}
    assert (await server.post("/fhir/AuditEvent/_search", content=body, headers=headers)).status_code == status


async def test_metadata_names_every_parameter_there_is(server: httpx.AsyncClient) -> None:
    statement = (await server.get("/fhir/metadata")).json()

    assert validate(statement) == []
    [resource] = statement["rest"][0]["resource"]
    named = "_id _lastUpdated action agent agent-name agent-role altid date entity entity-type outcome patient purpose"
    assert [each["name"] for each in resource["searchParam"]] == sorted([*named.split(), "site", "subtype", "type"])
