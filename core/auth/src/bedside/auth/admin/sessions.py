"""Who is signed in, with which apps; and ending that."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlmodel import Session, col, or_, select
from starlette.responses import Response

from bedside.auth.access_log import Happening, record
from bedside.auth.admin.console import Console, Visit
from bedside.auth.admin.paging import address_of_page, page_number, page_of
from bedside.auth.admin.sections import SESSIONS
from bedside.auth.admin.typing_in import typed
from bedside.auth.revocation import end_families, end_session
from bedside.auth.sign_in.sessions import IDLE
from bedside.auth.tables import Client, GrantFamily, User
from bedside.auth.tables import Session as BrowserSession

PATH = "/admin/sessions"


@dataclass(frozen=True)
class SignedIn:
    """A browser that is signed in, with the names of the apps that were opened from it."""

    id: str
    person: User
    since: datetime
    seen_at: datetime
    ends_at: datetime
    apps: list[str]
    agent: str


@dataclass(frozen=True)
class Lasting:
    """An app that may go on while its person is away."""

    id: str
    person: User
    app: str
    since: datetime
    ends_at: datetime


def declare(console: Console) -> None:
    @console.page(PATH, may=SESSIONS)
    def listed(visit: Visit) -> Response:
        q, number, now = (
            typed(visit.query, "q", characters_max=100),
            page_number(visit.query),
            visit.authority.clock.now(),
        )
        living = page_of(visit.session, _living(q, now), number=number)
        lasting = page_of(visit.session, _lasting(q, now), number=number)
        return visit.shown(
            "sessions.html",
            q=q,
            found=replace(living, rows=signed_in(visit.session, living.rows)),
            lasting=replace(lasting, rows=_lasting_rows(visit.session, lasting.rows)),
            address=partial(address_of_page, PATH, visit.query),
            own=visit.visitor.browser_session.id,
        )

    @console.act(f"{PATH}/{{session_id}}/end", may=SESSIONS)
    def end(visit: Visit) -> Response:
        ended = visit.session.get(BrowserSession, visit.named["session_id"])
        if ended is None:
            return visit.nothing_there()
        end_session(visit.authority, visit.session, ended)
        visit.record("session-ended", entity=f"User/{ended.user_id}")
        return visit.done(PATH, "That session is over, and so are the apps that were opened from it.")

    @console.act(f"{PATH}/apps/{{family_id}}/end", may=SESSIONS)
    def end_app(visit: Visit) -> Response:
        family = visit.session.get(GrantFamily, visit.named["family_id"])
        if family is None:
            return visit.nothing_there()
        end_families(visit.authority, visit.session, [family])
        happening = Happening(
            "grant-ended", user_id=visit.visitor.user.id, client_id=family.client_id, entity=f"User/{family.user_id}"
        )
        record(visit.authority, visit.session, happening)
        return visit.done(PATH, "That app may no longer act for this person.")


def living_of(session: Session, user: User, *, now: datetime) -> list[SignedIn]:
    """This person's, newest first; twenty at most."""
    rows = session.exec(_living("", now).where(BrowserSession.user_id == user.id).limit(20)).all()
    return signed_in(session, rows)


def signed_in(session: Session, rows: Sequence[BrowserSession]) -> list[SignedIn]:
    people = _by_id(session, {row.user_id for row in rows})
    apps = _apps(session, {row.id for row in rows})
    return [
        SignedIn(
            row.id,
            people[row.user_id],
            row.auth_time,
            row.seen_at,
            min(row.ends_at, row.seen_at + IDLE),
            apps[row.id],
            row.agent or "an unknown browser",
        )
        for row in rows
    ]


def _living(q: str, now: datetime) -> Any:
    asked = select(BrowserSession).join(User, col(User.id) == BrowserSession.user_id)
    asked = asked.where(
        col(BrowserSession.ended_at).is_(None), BrowserSession.ends_at > now, BrowserSession.seen_at > now - IDLE
    )
    return _of_person(asked, q).order_by(col(BrowserSession.seen_at).desc(), col(BrowserSession.id))


def _lasting(q: str, now: datetime) -> Any:
    # A blank on both sides finds the whole word.
    asked = select(GrantFamily).join(User, col(User.id) == GrantFamily.user_id)
    asked = asked.where(
        col(GrantFamily.ended_at).is_(None),
        GrantFamily.ends_at > now,
        (" " + col(GrantFamily.scope) + " ").contains(" offline_access "),
    )
    return _of_person(asked, q).order_by(col(GrantFamily.auth_time).desc(), col(GrantFamily.id))


def _of_person(asked: Any, q: str) -> Any:
    if not q:
        return asked
    return asked.where(or_(*(col(name).icontains(q, autoescape=True) for name in (User.username, User.name))))


def _lasting_rows(session: Session, rows: Sequence[GrantFamily]) -> list[Lasting]:
    people = _by_id(session, {row.user_id for row in rows})
    names = _names(session, {row.client_id for row in rows})
    return [Lasting(row.id, people[row.user_id], names[row.client_id], row.auth_time, row.ends_at) for row in rows]


def _apps(session: Session, session_ids: Collection[str]) -> dict[str, list[str]]:
    asked = select(GrantFamily.session_id, Client.name).join(Client, col(Client.id) == GrantFamily.client_id)
    asked = asked.where(col(GrantFamily.session_id).in_(session_ids), col(GrantFamily.ended_at).is_(None)).distinct()
    apps: dict[str, list[str]] = defaultdict(list)
    for session_id, name in session.exec(asked.order_by(col(Client.name))):
        apps[session_id].append(name)
    return apps


def _by_id(session: Session, user_ids: Collection[str]) -> dict[str, User]:
    return {user.id: user for user in session.exec(select(User).where(col(User.id).in_(user_ids)))}


def _names(session: Session, client_ids: Collection[str]) -> dict[str, str]:
    return {client.id: client.name for client in session.exec(select(Client).where(col(Client.id).in_(client_ids)))}
