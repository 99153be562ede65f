"""Ending what was granted. The row and the fact that tells it commit together."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, select, update

from bedside.auth.access_log import Happening, record
from bedside.auth.authority import Authority
from bedside.auth.putting import put
from bedside.auth.tables import AuthCode, Client, Glass, GrantFamily, Revocation, User
from bedside.auth.tables import Session as BrowserSession
from bedside.events import Fact
from bedside.events.catalog import (
    BreakGlassEnded,
    ClientDisabled,
    SessionRevoked,
    TokenRevoked,
    UserCreated,
    UserDeactivated,
    UserRolesChanged,
)
from bedside.identity import BREAK_GLASS
from bedside.identity.denylist import TOKEN_LIFE_MAX, Kind
from bedside.identity.token import Verified


def end_token(authority: Authority, session: Session, token_id: str) -> None:
    """The access token with this jti is refused from now on, everywhere."""
    until = _refuse(authority, session, "token", token_id)
    _tell(authority, session, [Fact(TokenRevoked(jti=token_id, until=until), subject=f"Token/{token_id}")])


def end_families(authority: Authority, session: Session, families: Iterable[GrantFamily]) -> None:
    """No refresh any more, and the access tokens of these authorizations are refused. Safe to repeat."""
    facts = []
    families = sorted(families, key=lambda family: family.id)
    end_glasses(authority, session, col(Glass.family).in_([family.id for family in families]), by="sign-out")
    for family in families:
        family.ended_at = family.ended_at or authority.clock.now()
        session.add(family)
        until = _refuse(authority, session, "session", family.id)
        facts.append(Fact(SessionRevoked(sid=family.id, until=until), subject=f"Session/{family.id}"))
    _tell(authority, session, facts)


def end_session(authority: Authority, session: Session, browser_session: BrowserSession) -> None:
    """Signs the browser out, and with it every app that was authorized from it, but for offline access."""
    now = authority.clock.now()
    browser_session.ended_at = browser_session.ended_at or now
    session.add(browser_session)
    open_families = select(GrantFamily).where(
        GrantFamily.session_id == browser_session.id, col(GrantFamily.ended_at).is_(None)
    )
    end_families(
        authority,
        session,
        [family for family in session.exec(open_families) if "offline_access" not in family.scope.split()],
    )


def deactivate_user(authority: Authority, session: Session, user: User, *, roles: Iterable[str] = ()) -> None:
    """The person may act no longer; what they were granted is over, and reactivation revives none of it."""
    now = authority.clock.now()
    user.active = False
    session.add(user)
    for table in (BrowserSession, GrantFamily):
        session.exec(
            update(table).where(col(table.user_id) == user.id, col(table.ended_at).is_(None)).values(ended_at=now)
        )
    end_glasses(authority, session, col(Glass.user_id) == user.id, by="sign-out")
    until = _refuse(authority, session, "user", user.id)
    data = UserDeactivated(roles=tuple(roles), issued_before=now, until=until)
    _tell(authority, session, [Fact(data, subject=f"User/{user.id}")])


def disable_client(authority: Authority, session: Session, client: Client) -> None:
    """The client may act no longer; what it was granted is over, and enabling it again revives none of it."""
    now = authority.clock.now()
    client.active = False
    session.add(client)
    session.exec(
        update(GrantFamily)
        .where(col(GrantFamily.client_id) == client.id, col(GrantFamily.ended_at).is_(None))
        .values(ended_at=now)
    )
    # Codes that are on their way, too: after enabling they would still be good for the rest of their minute.
    session.exec(
        update(AuthCode)
        .where(col(AuthCode.client_id) == client.id, col(AuthCode.used_at).is_(None))
        .values(used_at=now)
    )
    end_glasses(authority, session, col(Glass.client_id) == client.id, by="sign-out")
    until = _refuse(authority, session, "client", client.id)
    _tell(authority, session, [Fact(ClientDisabled(client_id=client.id, until=until), subject=f"Client/{client.id}")])


def end_glasses(authority: Authority, session: Session, which: ColumnElement[bool], *, by: str) -> list[Glass]:
    """Emergency accesses that stand are over, and tokens that speak of them refused; gives those that it ended.

    `by` is a word of `Glass.ended_by`. Safe to repeat.
    """
    now = authority.clock.now()
    standing = select(Glass.id).where(which, col(Glass.ended_at).is_(None), col(Glass.until) > now)
    facts, ended = [], []
    for glass_id in session.exec(standing.order_by(col(Glass.id))).all():
        over = update(Glass).where(col(Glass.id) == glass_id, col(Glass.ended_at).is_(None))
        # Of two who end it at once, one has ended it.
        if session.exec(over.values(ended_at=now, ended_by=by)).rowcount != 1:
            continue
        glass = session.get_one(Glass, glass_id, populate_existing=True)
        ended.append(glass)
        until = _refuse(authority, session, "glass", glass.id)
        data = BreakGlassEnded(glass=glass.id, user=glass.user_id, patient=f"Patient/{glass.patient}", until=until)
        facts.append(Fact(data, subject=f"User/{glass.user_id}"))
        record(
            authority,
            session,
            Happening(
                "glass-ended",
                user_id=glass.user_id,
                client_id=glass.client_id,
                patient=glass.patient,
                entity=f"Glass/{glass.id}",
                purpose=BREAK_GLASS,
                detail={"by": by},
            ),
        )
    if facts:
        _tell(authority, session, facts)
    return ended


def end_grants_of(
    authority: Authority, session: Session, user_ids: Collection[str], *, but: BrowserSession | None = None
) -> None:
    """Signs these people out everywhere, offline access included; the session `but` goes on, its apps do not.

    Safe to repeat.
    """
    now = authority.clock.now()
    session.exec(
        update(BrowserSession)
        .where(
            col(BrowserSession.user_id).in_(user_ids),
            col(BrowserSession.ended_at).is_(None),
            col(BrowserSession.id) != (but.id if but is not None else ""),
        )
        .values(ended_at=now)
    )
    families = select(GrantFamily).where(col(GrantFamily.user_id).in_(user_ids), col(GrantFamily.ended_at).is_(None))
    end_families(authority, session, session.exec(families).all())


def refuse_issued_before(authority: Authority, session: Session, roles: Mapping[str, Collection[str]]) -> None:
    """What these people may do has changed; `roles` are those they hold now, by user id.

    Tokens issued until now are refused; a refresh gets one that says what is so.
    """
    now = authority.clock.now()
    facts = []
    for user_id, held in sorted(roles.items()):
        until = _refuse(authority, session, "user", user_id)
        data = UserRolesChanged(roles=tuple(held), issued_before=now, until=until)
        facts.append(Fact(data, subject=f"User/{user_id}"))
    _tell(authority, session, facts)


def tell_created(authority: Authority, session: Session, user: User, *, roles: Iterable[str]) -> None:
    _tell(authority, session, [Fact(UserCreated(roles=tuple(roles)), subject=f"User/{user.id}")])


def is_revoked(session: Session, token: Verified) -> bool:
    """Asks the table itself: auth need not wait for its own events."""
    named = {
        ("token", token.token_id),
        ("session", token.session_id),
        ("client", token.client_id),
        ("user", token.subject),
    }
    named |= {("glass", glass.id) for glass in token.glasses}
    rows = session.exec(select(Revocation).where(col(Revocation.value).in_([value for _, value in named]))).all()
    # What says a glass is broken that was ended is refused whatever its age: it does not come back.
    return any(
        (row.kind, row.value) in named and (row.kind == "glass" or token.issued_at <= row.issued_before) for row in rows
    )


def _refuse(authority: Authority, session: Session, kind: Kind, value: str) -> datetime:
    now = authority.clock.now()
    until = now + TOKEN_LIFE_MAX
    put(session, Revocation(kind=kind, value=value, issued_before=now, until=until))
    return until


def _tell(authority: Authority, session: Session, facts: list[Fact]) -> None:
    session.flush()
    authority.outbox.append_sync(session.connection(), facts, now=authority.clock.now())
