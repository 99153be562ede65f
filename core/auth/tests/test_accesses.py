"""What services tell of accesses: taken once, by whom may tell, and nothing but ids, codes and names."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest
from sqlmodel import col, select

from bedside.auth.access_log.taking import take
from bedside.auth.minting import access_token
from bedside.auth.tables import AuditedPatient, AuditEvent, Glass, User
from bedside.events.envelope import new_event_id
from bedside.identity.scopes import Scopes


def line(authority: Any, **told: Any) -> dict[str, Any]:
    now = authority.clock.now()
    return {
        "id": new_event_id(now),
        "at": now,
        "source": "gateway",
        "action": "read",
        "outcome": "success",
        "subject": "somebody",
        "client": "app",
        "entity": "Patient/p1",
        "patients": ["p1"],
        "detail": {"status": "200"},
    } | told


def bearer(authority: Any, scope: str = "system/accesses.write") -> dict[str, str]:
    minted = access_token(
        authority,
        subject="gateway",
        client_id="gateway",
        audience=authority.installation.issuer,
        scopes=Scopes.parse(scope),
        claims={},
    )
    return {"authorization": f"Bearer {minted.compact}"}


async def tell(server: httpx.AsyncClient, authority: Any, *lines: Any, **more: Any) -> httpx.Response:
    content = b"".join(each if isinstance(each, bytes) else orjson.dumps(each) + b"\n" for each in lines)
    return await server.post("/internal/accesses", content=content, headers=bearer(authority, **more))


def kept(authority: Any) -> list[AuditEvent]:
    with authority.units.reading() as session:
        return list(session.exec(select(AuditEvent).where(AuditEvent.source != "auth").order_by(col(AuditEvent.id))))


def found_by(authority: Any) -> list[str]:
    with authority.units.reading() as session:
        return sorted(session.exec(select(AuditedPatient.patient)))


async def test_what_is_told_twice_is_one_entry(server: Any, authority: Any) -> None:
    read, other = line(authority), line(authority, patients=["p2", "p1"], entity="Observation")

    first = await tell(server, authority, read, other)
    second = await tell(server, authority, read, other, line(authority, subject="gateway", client="gateway"))

    assert (first.json(), second.json()) == ({"taken": 2, "unreadable": 0}, {"taken": 1, "unreadable": 0})
    assert sorted((row.user_id or "", row.client_id, row.patients) for row in kept(authority)) == [
        ("", "gateway", ["p1"]),
        ("somebody", "app", ["p1"]),
        ("somebody", "app", ["p1", "p2"]),
    ]


def test_the_same_batch_from_two_processes_at_once_is_taken_once(authority: Any) -> None:
    batch = [orjson.dumps(line(authority)) for _ in range(200)]

    def taking(_: int) -> None:
        with authority.units.unit() as session:
            take(session, batch)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(taking, range(4)))

    assert (len(kept(authority)), len(found_by(authority))) == (200, 200)


@pytest.mark.parametrize(
    "wrong",
    [
        b"not json\n",
        b"[]\n",
        {"id": "x"},
        {"source": "elsewhere"},
        {"action": "Quillfeather was here"},
        {"entity": "Patient/Margaret Quillfeather"},
        {"patients": ["p 1"]},
        {"outcome": "fine"},
        {"at": "yesterday"},
        {"subject": "some body"},
    ],
)
async def test_what_is_no_line_of_ours_is_counted_and_kept_by_nobody(server: Any, authority: Any, wrong: Any) -> None:
    sent = wrong if isinstance(wrong, bytes) else line(authority, **wrong)

    answer = await tell(server, authority, sent, line(authority))

    assert answer.json() == {"taken": 1, "unreadable": 1}


async def test_of_a_detail_only_known_words_are_kept(server: Any, authority: Any) -> None:
    await tell(server, authority, line(authority, detail={"status": "401", "reason": "expired", "query": "name=Quill"}))

    assert [row.detail for row in kept(authority)] == [{"status": "401", "reason": "expired"}]


async def test_who_was_not_admitted_is_nobody(server: Any, authority: Any) -> None:
    await tell(server, authority, line(authority, subject=None, client=None, outcome="refused", patients=[]))

    assert [(row.user_id, row.client_id, row.outcome) for row in kept(authority)] == [(None, None, "refused")]


async def test_only_who_may_tell_is_heard(server: Any, authority: Any) -> None:
    told = await tell(server, authority, line(authority), scope="system/*.rs system/events.read")
    nobody = await server.post("/internal/accesses", content=orjson.dumps(line(authority)))

    assert (told.status_code, nobody.status_code, kept(authority)) == (403, 401, [])


async def test_too_much_at_once_is_refused_whole(server: Any, authority: Any) -> None:
    lines = [line(authority)] * 1_001

    assert ((await tell(server, authority, *lines)).status_code, kept(authority)) == (413, [])


@pytest.mark.parametrize(
    ("told", "purpose"),
    [
        ({}, "BTG"),
        ({"patients": ["p1", "p2"]}, None),
        ({"patients": ["p2"]}, None),
        ({"patients": [], "entity": None}, None),
        ({"client": "other"}, None),
        ({"later": 31}, None),
    ],
    ids=["that patient", "a list with that patient in it", "another", "nobody", "by another app", "when it was over"],
)
async def test_what_was_looked_at_in_an_emergency_says_so(
    server: Any, authority: Any, told: dict[str, Any], purpose: str | None
) -> None:
    now = authority.clock.now()
    with authority.units.unit() as session:
        person = session.exec(select(User).where(User.username == "physician")).one()
        session.add(_glass(person.id, now))
    at = now + timedelta(minutes=told.get("later", 1))

    await tell(server, authority, line(authority, at=at, subject=person.id, **told))

    assert [row.purpose for row in kept(authority)] == [purpose]


def _glass(user_id: str, now: Any) -> Glass:
    return Glass(
        id="g1",
        user_id=user_id,
        family="f1",
        client_id="app",
        patient="p1",
        reason="emergency",
        note="unconscious",
        began_at=now,
        until=now + timedelta(minutes=30),
    )
