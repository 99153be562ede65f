"""Emergency accesses and their review, by somebody else than who had them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlmodel import Session, col, select
from starlette.responses import Response

from bedside.auth.access_log.looking import Looked, how_many, look
from bedside.auth.admin.console import Console, Refusal, Visit
from bedside.auth.admin.paging import address_of_page, page_number, page_of
from bedside.auth.admin.sections import AUDIT
from bedside.auth.admin.typing_in import typed
from bedside.auth.glass import REVIEW_NOTE_MAX, VERDICTS, GlassRefused, review_glass
from bedside.auth.tables import AuditEvent, Client, Glass, User

PATH = "/admin/glass"
REASONS = {"emergency": "Emergency", "patient-asked": "The patient asked", "other": "Other"}
ENDINGS = {"user": "by the person", "sign-out": "by signing out, or by losing the right to it", "time": "by itself"}
_LOOKED_AT_MAX = 50


@dataclass(frozen=True)
class Row:
    glass: Glass
    person: User
    reads: int
    """How often the record was looked at meanwhile by this person, as far as the access log tells."""


def declare(console: Console) -> None:
    @console.page(PATH, may=AUDIT)
    def listed(visit: Visit) -> Response:
        q = typed(visit.query, "q", characters_max=100)
        found = page_of(visit.session, _asked(q), number=page_number(visit.query))
        now = visit.authority.clock.now()
        return visit.shown(
            "glasses.html",
            q=q,
            found=replace(found, rows=_rows(visit.session, found.rows)),
            address=partial(address_of_page, PATH, visit.query),
            reasons=REASONS,
            now=now,
        )

    @console.page(f"{PATH}/{{glass_id}}", may=AUDIT)
    def shown(visit: Visit) -> Response:
        glass = visit.session.get(Glass, visit.named["glass_id"])
        return visit.nothing_there() if glass is None else _page(visit, glass)

    @console.act(f"{PATH}/{{glass_id}}/review", may=AUDIT)
    def review(visit: Visit) -> Response:
        glass = visit.session.get(Glass, visit.named["glass_id"])
        if glass is None:
            return visit.nothing_there()
        verdict = typed(visit.form, "verdict")
        if verdict not in VERDICTS:
            raise Refusal("verdict", "Choose what you found.")
        note = typed(visit.form, "note", characters_max=REVIEW_NOTE_MAX)
        try:
            review_glass(visit.authority, visit.session, visit.visitor.user, glass, verdict=verdict, note=note)
        except GlassRefused as problem:
            raise Refusal(problem.reason, problem.sentence) from problem
        return visit.done(PATH, "Your review is kept.")


def _page(visit: Visit, glass: Glass) -> Response:
    person = visit.session.get_one(User, glass.user_id)
    looked = _looked(glass)
    reviewer = visit.session.get(User, glass.reviewed_by) if glass.reviewed_by else None
    app = visit.session.get(Client, glass.client_id)
    return visit.shown(
        "glass.html",
        glass=glass,
        person=person,
        app=app.name if app else glass.client_id,
        reviewer=reviewer,
        own=glass.user_id == visit.visitor.user.id,
        reads=how_many(visit.session, looked),
        looks=look(visit.session, looked, count=_LOOKED_AT_MAX).rows,
        looks_max=_LOOKED_AT_MAX,
        reasons=REASONS,
        endings=ENDINGS,
        note_max=REVIEW_NOTE_MAX,
        now=visit.authority.clock.now(),
    )


def _asked(q: str) -> Any:
    """Those that wait for a review first, then the newest."""
    asked = select(Glass).join(User, col(User.id) == Glass.user_id)
    if q:
        names = (col(name).icontains(q, autoescape=True) for name in (User.username, User.name))
        condition = col(Glass.patient) == q
        for named in names:
            condition |= named
        asked = asked.where(condition)
    return asked.order_by(col(Glass.reviewed_at).is_not(None), col(Glass.began_at).desc(), col(Glass.id))


def _rows(session: Session, glasses: Sequence[Glass]) -> list[Row]:
    return [Row(glass, session.get_one(User, glass.user_id), how_many(session, _looked(glass))) for glass in glasses]


def _looked(glass: Glass) -> Looked:
    """What services told of: how the glass itself was broken is no look at the record."""
    return Looked(
        patients=[glass.patient],
        people=[glass.user_id],
        since=glass.began_at,
        until=_end(glass),
        also=(col(AuditEvent.source) != "auth",),
    )


def _end(glass: Glass) -> datetime:
    return min(glass.ended_at or glass.until, glass.until)
