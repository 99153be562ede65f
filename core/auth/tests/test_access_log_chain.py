"""The access log cannot be changed unnoticed: the database refuses, and the chain tells whoever went around it."""

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError
from sqlmodel import col, select

from bedside.auth.access_log import Happening, Looked, look, record
from bedside.auth.access_log.anchoring import FILE, Anchor, ForgedAnchor, anchor, anchors
from bedside.auth.access_log.examining import examined
from bedside.auth.access_log.looking import how_many
from bedside.auth.access_log.sealing import keep_sealing, seal
from bedside.auth.access_log.verifying import verify
from bedside.auth.tables import AuditEvent

REFUSAL = "the access log is only added to"


def happened(authority: Any, *actions: str, **more: Any) -> None:
    for action in actions:
        with authority.units.unit() as session:
            record(authority, session, Happening(action, **more))


def sealed(authority: Any, *actions: str, **more: Any) -> None:
    happened(authority, *actions, **more)
    seal(authority.units)


def behind_its_back(authority: Any, *statements: str) -> None:
    """As somebody who owns the database can: without the triggers."""
    with authority.units.unit() as session:
        sqlite = session.get_bind().dialect.name == "sqlite"
        if sqlite:
            for name in ("deleted", "changed", "patient_deleted", "patient_changed"):
                session.connection().execute(text(f"DROP TRIGGER IF EXISTS audit_event_{name}"))
        else:
            for table in ("audit_event", "audit_event_patient"):
                session.connection().execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        for statement in statements:
            session.connection().execute(text(statement))


def verdict(authority: Any, *known: Anchor) -> str | None:
    return verify(authority.units, now=authority.clock.now(), anchors=known).broken


def test_rows_get_positions_in_the_order_in_which_they_happened(authority: Any) -> None:
    sealed(authority, "one", "two")
    sealed(authority, "three")

    with authority.units.reading() as session:
        rows = session.exec(select(AuditEvent).order_by(col(AuditEvent.position))).all()
    assert [(row.position, row.action) for row in rows] == [(1, "one"), (2, "two"), (3, "three")]
    assert verdict(authority) is None


def test_a_row_waits_for_no_lock_to_be_written_and_commits_with_what_it_tells_of(authority: Any) -> None:
    with contextlib.suppress(ZeroDivisionError), authority.units.unit() as session:
        record(authority, session, Happening("never"))
        raise ZeroDivisionError

    assert seal(authority.units) == 0


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM audit_event",
        "UPDATE audit_event SET outcome = 'success'",
        "UPDATE audit_event SET hash = 'f'",
        "UPDATE audit_event SET position = NULL, hash = NULL",
        "DELETE FROM audit_event_patient",
        "UPDATE audit_event_patient SET patient = 'p9'",
    ],
)
def test_the_database_refuses_to_change_or_remove_what_is_sealed(authority: Any, statement: str) -> None:
    sealed(authority, "read", patient="p1", outcome="refused")

    with pytest.raises(DatabaseError, match=REFUSAL), authority.units.unit() as session:
        session.connection().execute(text(statement))

    assert verdict(authority) is None


def test_the_database_refuses_to_change_what_is_not_sealed_yet(authority: Any) -> None:
    happened(authority, "sign-in", user_id="u1")

    with pytest.raises(DatabaseError, match=REFUSAL), authority.units.unit() as session:
        session.connection().execute(text("UPDATE audit_event SET user_id = 'u2'"))


@pytest.mark.parametrize(
    ("statements", "told"),
    [
        (["UPDATE audit_event SET outcome = 'refused' WHERE position = 3"], "position 3 does not fit its hash"),
        (["UPDATE audit_event SET detail = '{}' WHERE position = 3"], "position 3 does not fit its hash"),
        (["UPDATE audit_event SET patients = '[]' WHERE position = 3"], "position 3 does not fit its hash"),
        (
            [
                "DELETE FROM audit_event_patient WHERE event_id IN (SELECT id FROM audit_event WHERE position = 2)",
                "DELETE FROM audit_event WHERE position = 2",
            ],
            "position 2 is missing",
        ),
        (
            [
                "UPDATE audit_event SET position = -1 WHERE position = 2",
                "UPDATE audit_event SET position = 2 WHERE position = 3",
                "UPDATE audit_event SET position = 3 WHERE position = -1",
            ],
            "position 2 does not fit its hash",
        ),
        (
            [
                "UPDATE audit_event SET position = 6 WHERE position = 5",
                "INSERT INTO audit_event SELECT 'forged', recorded_at, action, outcome, source, user_id, client_id,"
                " entity, purpose, patients, detail, 5, hash FROM audit_event WHERE position = 4",
            ],
            "position 5 does not fit its hash",
        ),
        (["DELETE FROM audit_event_patient"], "position 1 cannot be found by its patients"),
    ],
)
def test_what_was_done_behind_the_databases_back_is_found_and_named(
    authority: Any, statements: list[str], told: str
) -> None:
    sealed(authority, "a", "b", "c", "d", "e", patient="p1", detail={"type": "Patient"})

    behind_its_back(authority, *statements)

    assert (verdict(authority) or "").startswith(told)


def test_a_tail_that_was_cut_off_is_seen_by_the_anchor(authority: Any, tmp_path: Path) -> None:
    sealed(authority, "a", "b", "c")
    at = anchor(authority.units, authority.sealing, tmp_path)
    behind_its_back(authority, "DELETE FROM audit_event WHERE position = 3")

    assert verdict(authority) is None
    assert verdict(authority, at) == "position 3 is missing: an anchor says that there were at least 3"


def test_a_chain_that_was_written_anew_is_seen_by_the_anchor(authority: Any, tmp_path: Path) -> None:
    sealed(authority, "a", "b")
    anchor(authority.units, authority.sealing, tmp_path)
    behind_its_back(
        authority,
        "UPDATE audit_event SET action = 'z' WHERE position = 1",
        "UPDATE audit_event SET position = NULL, hash = NULL",
    )
    seal(authority.units)

    assert verdict(authority) is None
    assert verdict(authority, *anchors(authority.sealing, tmp_path)) == (
        "position 2 is not what was anchored: the chain was written anew"
    )


def test_what_has_not_grown_is_not_anchored_again(authority: Any, tmp_path: Path) -> None:
    sealed(authority, "a")
    first = anchor(authority.units, authority.sealing, tmp_path)
    again = anchor(authority.units, authority.sealing, tmp_path, first.position)

    assert (again, anchors(authority.sealing, tmp_path)) == (first, [first])


@pytest.mark.parametrize(
    "line", ["nonsense", "{}", '{"position": 1, "hash": "f", "mark": "f"}', '{"position": "x"}', "[]"]
)
def test_a_forged_anchor_is_named(authority: Any, tmp_path: Path, line: str) -> None:
    sealed(authority, "a")
    anchor(authority.units, authority.sealing, tmp_path)
    with (tmp_path / FILE).open("a") as file:
        file.write(line + "\n")

    with pytest.raises(ForgedAnchor, match="line 2"):
        anchors(authority.sealing, tmp_path)


def test_several_sealers_at_once_make_one_chain(authority: Any) -> None:
    happened(authority, *(f"a{number}" for number in range(30)))

    def write_and_seal(number: int) -> int:
        happened(authority, f"b{number}")
        return seal(authority.units)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write_and_seal, range(12)))
    seal(authority.units)

    assert verify(authority.units, now=authority.clock.now()).positions == 42
    assert verdict(authority) is None


async def test_the_sealer_seals_by_itself(authority: Any) -> None:
    happened(authority, "sign-in")
    sealing = asyncio.create_task(keep_sealing(authority.units))
    try:
        async with asyncio.timeout(10):
            while verify(authority.units, now=authority.clock.now()).positions < 1:  # noqa: ASYNC110 - a database
                await asyncio.sleep(0.05)
    finally:
        sealing.cancel()


def test_pages_stay_where_they_are_while_rows_are_added(authority: Any) -> None:
    happened(authority, *"abcde")
    with authority.units.reading() as session:
        first = look(session, Looked(), count=2)
    happened(authority, "new")
    with authority.units.reading() as session:
        second = look(session, Looked(), after=first.following, count=2)
        third = look(session, Looked(), after=second.following, count=2)

    assert [[row.action for row in page.rows] for page in (first, second, third)] == [["e", "d"], ["c", "b"], ["a"]]
    assert third.following is None


@pytest.mark.parametrize(
    ("looked", "actions"),
    [
        (lambda at: Looked(patients=["p1"]), "ca"),
        (lambda at: Looked(patients=["p1", "p2"]), "cba"),
        (lambda at: Looked(patients=["p3"]), ""),
        (lambda at: Looked(people=["u1"]), "ca"),
        (lambda at: Looked(people=["u1"], outcomes=["refused"]), "c"),
        (lambda at: Looked(clients=["app"]), "b"),
        (lambda at: Looked(actions=["a", "b"]), "ba"),
        (lambda at: Looked(purposes=["BTG"]), "d"),
        (lambda at: Looked(since=at + timedelta(hours=1)), "dcb"),
        (lambda at: Looked(until=at + timedelta(hours=1)), "a"),
    ],
)
def test_it_is_looked_up_by(authority: Any, looked: Callable[[Any], Looked], actions: str) -> None:
    began = authority.clock.now()
    happened(authority, "a", patient="p1", user_id="u1")
    authority.clock.advance(hours=2)
    happened(authority, "b", patient="p2", client_id="app")
    happened(authority, "c", patient="p1", user_id="u1", outcome="refused")
    happened(authority, "d", purpose="BTG")

    with authority.units.reading() as session:
        assert "".join(row.action for row in look(session, looked(began)).rows) == actions
        assert how_many(session, looked(began)) == len(actions)


def test_the_doctor_finds_a_sound_log_sound_and_names_what_is_broken(
    authority: Any, database_url: str, tmp_path: Path
) -> None:
    sealed(authority, "a", "b", "c")
    anchor(authority.units, authority.sealing, tmp_path)

    def doctor() -> list[tuple[bool, str]]:
        return list(examined(database_url, lambda _: authority.installation.master_secret, tmp_path))

    assert doctor() == [(True, "access log: 3 entries in an unbroken chain, 1 anchors agree")]
    behind_its_back(authority, "UPDATE audit_event SET action = 'z' WHERE position = 2")
    assert [(right, sentence[:45]) for right, sentence in doctor()] == [
        (False, "access log: position 2 does not fit its hash:")
    ]


def test_the_doctor_says_so_when_entries_wait_for_their_seal(authority: Any, database_url: str, tmp_path: Path) -> None:
    authority.clock.advance(hours=-1)
    happened(authority, "a")

    told = list(examined(database_url, lambda _: authority.installation.master_secret, tmp_path))

    assert told == [
        (True, "access log: 0 entries in an unbroken chain, 0 anchors agree"),
        (True, "access log: 1 entries wait to be sealed; auth does that while it runs"),
    ]


def test_the_doctor_is_content_where_there_is_no_log_yet(tmp_path: Path) -> None:
    assert list(examined(f"sqlite:///{tmp_path / 'none.db'}", lambda _: "s", tmp_path)) == [
        (True, "access log: none yet")
    ]
    assert not (tmp_path / "none.db").exists()


def test_the_hash_is_of_sorted_json_that_anybody_can_compute(authority: Any) -> None:
    import hashlib

    sealed(authority, "sign-in", user_id="ü", detail={"b": "1", "a": "2"})

    with authority.units.reading() as session:
        row = session.exec(select(AuditEvent)).one()
    written = (
        f'{{"action":"sign-in","before":"{"0" * 64}","client_id":null,"detail":{{"a":"2","b":"1"}},"entity":null,'
        f'"id":"{row.id}","outcome":"success","patients":[],"position":1,"purpose":null,'
        f'"recorded_at":"{row.recorded_at.isoformat(timespec="microseconds")}","source":"auth","user_id":"ü"}}'
    )
    assert row.hash == hashlib.sha256(written.encode()).hexdigest()
    assert orjson.loads(written)
