"""The review of emergency accesses: what waits comes first, and nobody reviews their own."""

import re
from datetime import timedelta
from typing import Any

import pytest

from bedside.auth.directory import user_named
from bedside.auth.glass import GlassRefused, review_glass
from bedside.auth.tables import AuditedPatient, AuditEvent, Glass
from core.auth.tests.administering import Administering, note_of
from core.auth.tests.emergencies import ON_SQLITE, audited

VERDICT = {"verdict": "justified", "note": "Phoned the ward"}


def kept(authority: Any, id_: str, username: str = "physician", **changed: Any) -> None:
    """An emergency access of ten minutes ago."""
    began = authority.clock.now() - timedelta(minutes=10)
    with authority.units.unit() as session:
        person = user_named(session, username)
        assert person is not None
        said = {
            "id": id_, "user_id": person.id, "family": "f1", "client_id": "app", "patient": f"patient-{id_}",
            "reason": "emergency", "note": f"The note of <b>{id_}</b>", "began_at": began,
            "until": began + timedelta(minutes=30),
        }  # fmt: skip
        session.add(Glass(**said | changed))


def looked_at(
    authority: Any, id_: str, minutes_ago: float, *, source: str = "encounters", who: str = "physician"
) -> None:
    at = authority.clock.now() - timedelta(minutes=minutes_ago)
    with authority.units.unit() as session:
        person = user_named(session, who)
        assert person is not None
        row = AuditEvent(
            id=f"a{id_}{minutes_ago}{source}{who}", recorded_at=at, action="read", outcome="success", source=source,
            user_id=person.id, entity="Observation/o1", patients=[f"patient-{id_}"], detail={},
        )  # fmt: skip
        session.add(row)
        session.flush()
        session.add(AuditedPatient(patient=f"patient-{id_}", event_id=row.id))


def rows(page: Any) -> list[str]:
    """The patients of the rows, from the top."""
    return re.findall(r'data-label="Patient"><span>([^<]*)<', page.text)


@ON_SQLITE
async def test_what_waits_for_a_review_comes_first_then_the_newest(flow: Any, authority: Any) -> None:
    now = authority.clock.now()
    kept(authority, "g1", began_at=now - timedelta(days=2), until=now - timedelta(days=2, minutes=-30))
    kept(authority, "g2")
    kept(authority, "g3", began_at=now - timedelta(days=1), until=now - timedelta(days=1, minutes=-30))
    admin = Administering(flow)
    assert rows(await admin.open("/admin/glass")) == ["patient-g2", "patient-g3", "patient-g1"]
    await admin.open("/admin/glass/g2")
    after = await admin.send("/admin/glass/g2/review", **VERDICT)
    assert (note_of(after), rows(after)) == (
        "Your review is kept.",
        ["patient-g3", "patient-g1", "patient-g2"],
    )
    assert rows(await admin.open("/admin/glass", q="patient-g1")) == ["patient-g1"]
    assert "None fits this search" in (await admin.open("/admin/glass", q="%")).text


@ON_SQLITE
async def test_a_review_sees_why_and_what_was_looked_at_meanwhile(flow: Any, authority: Any) -> None:
    kept(authority, "g1")
    for minutes_ago in (9, 5, 1):
        looked_at(authority, "g1", minutes_ago)
    looked_at(authority, "g1", 11)
    looked_at(authority, "g1", 5, who="frontdesk")
    looked_at(authority, "g1", 5, source="auth")
    looked_at(authority, "g2", 5)
    admin = Administering(flow)
    assert "3 logged" in (await admin.open("/admin/glass")).text
    page = (await admin.open("/admin/glass/g1")).text
    assert 'data-testid="said">The note of &lt;b&gt;g1&lt;/b&gt;<' in page
    assert page.count('data-testid="look-row"') == 3
    assert "open now" in (await admin.open("/admin/glass")).text


async def test_a_review_is_kept_told_and_given_once(flow: Any, authority: Any) -> None:
    kept(authority, "g1")
    admin = Administering(flow)
    await admin.open("/admin/glass/g1")
    proof = admin.csrf
    await admin.send("/admin/glass/g1/review", **VERDICT)
    again = await flow.browser.post("/admin/glass/g1/review", data={"csrf": proof, "verdict": "investigate"})
    assert note_of(await flow.browser.get(again.headers["location"])) == "Somebody has reviewed it meanwhile."
    with authority.units.reading() as session:
        glass, reviewer = session.get_one(Glass, "g1"), user_named(session, "admin")
    assert reviewer is not None
    assert (glass.verdict, glass.review_note, glass.reviewed_by) == ("justified", "Phoned the ward", reviewer.id)
    assert audited(authority, "glass-reviewed") == [("success", ["patient-g1"], None, {"verdict": "justified"})]
    refused = [detail for _, _, _, detail in audited(authority, "console-refused")]
    assert refused == [{"reason": "reviewed", "glass_id": "g1"}]
    assert "Phoned" not in str(audited(authority, "glass-reviewed"))


async def test_nobody_reviews_their_own(flow: Any, authority: Any) -> None:
    kept(authority, "g1", "admin")
    admin = Administering(flow)
    page = await admin.open("/admin/glass/g1")
    assert 'data-testid="own"' in page.text
    assert "review-button" not in page.text
    kept(authority, "g2")
    await admin.open("/admin/glass/g2")
    answer = await admin.send("/admin/glass/g1/review", **VERDICT)
    assert note_of(answer) == "Nobody reviews their own emergency access: ask another administrator."
    with authority.units.reading() as session:
        assert session.get_one(Glass, "g1").verdict is None
    await admin.open("/admin/glass/g2")
    assert note_of(await admin.send("/admin/glass/g2/review", **VERDICT)) == "Your review is kept."


def test_of_two_who_review_at_once_one_is_told_so(authority: Any) -> None:
    kept(authority, "g1")
    with authority.units.reading() as session:
        stale = session.get_one(Glass, "g1")
        reviewer = user_named(session, "admin")
    for expected in (None, "reviewed"):
        told = None
        try:
            with authority.units.unit() as session:
                review_glass(authority, session, reviewer, stale, verdict="justified", note="")
        except GlassRefused as refused:
            told = refused.reason
        assert told == expected


@ON_SQLITE
@pytest.mark.parametrize("verdict", ["", "fine", "justified "])
async def test_a_review_without_a_verdict_is_none(verdict: str, flow: Any, authority: Any) -> None:
    kept(authority, "g1")
    admin = Administering(flow)
    await admin.open("/admin/glass/g1")
    answer = await admin.send("/admin/glass/g1/review", verdict=verdict)
    expected = "Your review is kept." if verdict.strip() == "justified" else "Choose what you found."
    assert note_of(answer) == expected


@ON_SQLITE
async def test_others_see_neither_the_list_nor_a_note(flow: Any, authority: Any) -> None:
    kept(authority, "g1")
    for path in ("/admin/glass", "/admin/glass/g1"):
        flow.browser.cookies.clear()
        answer = await Administering(flow, "physician").open(path)
        assert (answer.status_code, "patient-g1" in answer.text) == (403, False)


@ON_SQLITE
async def test_what_is_not_there_is_said(flow: Any, authority: Any) -> None:
    admin = Administering(flow)
    assert "Nobody has used emergency access yet" in (await admin.open("/admin/glass")).text
    assert (await admin.open("/admin/glass/none")).status_code == 404
