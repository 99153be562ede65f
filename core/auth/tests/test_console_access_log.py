"""The access log in the console: everything it knows can be found, and who looks is in it."""

import csv
import html
import io
import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest
from sqlmodel import select

from bedside.auth.access_log.recording import keep
from bedside.auth.directory import user_named
from bedside.auth.tables import AuditEvent
from core.auth.tests.administering import Administering
from core.auth.tests.emergencies import ON_SQLITE

DAY = timedelta(days=1)


def happened(authority: Any, id_: str, who: str | None = "physician", **told: Any) -> None:
    with authority.units.unit() as session:
        person = user_named(session, who) if who else None
        said = {
            "id": id_, "recorded_at": authority.clock.now(), "action": "read", "outcome": "success",
            "source": "gateway",
            "user_id": person.id if person else None, "client_id": "app", "entity": f"Seen/{id_}", "patients": ["p1"],
            "detail": {},
        }  # fmt: skip
        keep(session, AuditEvent(**said | told))


def seen(page: Any) -> list[str]:
    """Which of `happened` are shown, from the top."""
    assert page.status_code == 200, page.text
    return re.findall(r">Seen/([a-z0-9]+)<", page.text)


@pytest.fixture
def three(authority: Any) -> None:
    now = authority.clock.now()
    happened(authority, "e1", recorded_at=now - 3 * DAY, patients=["p1", "p2"], purpose="BTG")
    happened(authority, "e2", recorded_at=now - 2 * DAY, who="frontdesk", outcome="refused", patients=["p2"])
    happened(authority, "e3", recorded_at=now - 1 * DAY, who=None, client_id="integrator", patients=[])


def day(authority: Any, ago: int) -> str:
    return str((authority.clock.now() - ago * DAY).astimezone(authority.installation.zone).date())


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ["e3", "e2", "e1"]),
        ({"patient": "p2"}, ["e2", "e1"]),
        ({"patient": "Patient/p1"}, ["e1"]),
        ({"patient": "p3"}, []),
        ({"who": "physician"}, ["e1"]),
        ({"who": "PHYS"}, ["e1"]),
        ({"who": "integrator"}, ["e3"]),
        ({"who": "%"}, []),
        ({"who": "nobody at all"}, []),
        ({"outcome": "refused"}, ["e2"]),
        ({"outcome": "surely"}, []),
        ({"purpose": "BTG"}, ["e1"]),
        ({"patient": "p2", "who": "physician", "purpose": "BTG", "outcome": "success"}, ["e1"]),
        ({"since": 2}, ["e3", "e2"]),
        ({"until": 2}, ["e2", "e1"]),
        ({"since": 2, "until": 2}, ["e2"]),
    ],
)
async def test_it_is_found_by(flow: Any, authority: Any, three: None, asked: dict[str, Any], found: list[str]) -> None:
    typed = {name: day(authority, value) if isinstance(value, int) else value for name, value in asked.items()}

    assert seen(await Administering(flow).open("/admin/access-log", **typed)) == found


@ON_SQLITE
@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"patient": "Margaret Quill"}, "A patient is looked for by their id"),
        ({"since": "yesterday"}, "A day is written as"),
        ({"until": "0001-01-01"}, "A day is written as"),
    ],
)
async def test_what_cannot_be_looked_for_is_said_and_stays_in_its_field(
    flow: Any, three: None, asked: dict[str, str], said: str
) -> None:
    page = await Administering(flow).open("/admin/access-log", **asked)

    assert (page.status_code, said in page.text, f'value="{next(iter(asked.values()))}"' in page.text) == (
        400,
        True,
        True,
    )
    assert "log-row" not in page.text


@ON_SQLITE
async def test_pages_lead_from_the_newest_to_the_oldest_and_leave_nothing_out(flow: Any, authority: Any) -> None:
    now = authority.clock.now()
    for number in range(120):
        happened(authority, f"n{number:03}", recorded_at=now - timedelta(minutes=number), patients=["p9"])
    admin = Administering(flow)

    page, found = await admin.open("/admin/access-log", patient="p9"), []
    for _ in range(5):
        found += seen(page)
        older = re.search(r'href="/admin/access-log\?([^"]*)" rel="next"', page.text)
        if not older:
            break
        page = await admin.open("/admin/access-log", **dict(parse_qsl(html.unescape(older[1]))))

    assert found == [f"n{number:03}" for number in range(120)]
    # What the administrator looked at since stands above it.
    again = seen(await admin.open("/admin/access-log", patient="p9", after="nonsense"))
    assert again == found[: len(again)]
    assert len(again) > 40


@ON_SQLITE
async def test_who_looks_is_in_the_log_without_what_was_typed(flow: Any, authority: Any, three: None) -> None:
    admin = Administering(flow)
    await admin.open("/admin/access-log", patient="p2", who="physician")
    await admin.open("/admin/access-log", patient="quillfeather")
    await admin.open("/admin/access-log/export", patient="p2")

    with authority.units.reading() as session:
        rows = session.exec(select(AuditEvent).where(AuditEvent.entity == "AuditEvent")).all()
        administrator = user_named(session, "admin")
        assert administrator is not None
    told = sorted((row.action, row.patients, row.detail) for row in rows if row.user_id == administrator.id)
    assert told == [
        ("access-log-exported", ["p2"], {"parameters": "patient"}),
        ("access-log-read", [], {"parameters": "patient"}),
        ("access-log-read", ["p2"], {"parameters": "patient who"}),
    ]


@ON_SQLITE
async def test_an_export_holds_what_was_found_and_nothing_a_spreadsheet_runs(
    flow: Any, authority: Any, three: None
) -> None:
    with authority.units.unit() as session:
        person = user_named(session, "physician")
        assert person is not None
        person.name = "=HYPERLINK(1)"
        session.add(person)
    answer = await Administering(flow).open("/admin/access-log/export", who="physician")

    assert answer.headers["content-type"].startswith("text/csv")
    assert re.fullmatch(r'attachment; filename="access-log-\d{8}T\d{6}Z\.csv"', answer.headers["content-disposition"])
    [row] = [row for row in csv.DictReader(io.StringIO(answer.text)) if row["id"] == "e1"]
    assert [row[name] for name in ("person", "action", "patients", "outcome", "purpose", "entity")] == [
        "'=HYPERLINK(1)", "read", "p1 p2", "success", "BTG", "Seen/e1",
    ]  # fmt: skip


@ON_SQLITE
async def test_a_name_that_means_too_many_wants_more_of_it(flow: Any, authority: Any, three: None) -> None:
    with authority.units.unit() as session:
        model = user_named(session, "physician")
        assert model is not None
        for number in range(21):
            values = model.model_dump() | {"id": f"many{number}", "username": f"many{number}", "fhir_user": None}
            session.add(type(model)(**values))
    page = await Administering(flow).open("/admin/access-log", who="many")

    assert (page.status_code, "type more of the name" in page.text) == (400, True)
