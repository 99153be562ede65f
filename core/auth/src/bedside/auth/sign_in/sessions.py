"""The browser session: what keeps a person signed in between apps."""

import re
import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlmodel import Session, col, select, update

from bedside.auth.secrets_kept import digest, new_secret
from bedside.auth.tables import AuthCode, GrantFamily, User
from bedside.auth.tables import Session as BrowserSession
from bedside.identity.acr import PASSWORD_SHOWN

IDLE = timedelta(minutes=15)
END = timedelta(hours=12)
_BROWSERS = (("Edg", "Edge"), ("Firefox", "Firefox"), ("Chrom", "Chrome"), ("Safari", "Safari"))
_SYSTEMS = (
    ("Windows", "Windows"),
    ("iPhone|iPad", "iOS"),
    ("Android", "Android"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)


def begin_session(
    session: Session,
    user: User,
    *,
    now: datetime,
    methods: Iterable[str] = (PASSWORD_SHOWN,),
    agent: str | None = None,
    replaces: BrowserSession | None = None,
) -> tuple[str, BrowserSession]:
    """A fresh one at every sign-in, not yet complete; the first is the cookie's secret.

    `replaces` is what the browser had before: over now, while the apps of the same person stay with the browser.
    """
    secret = new_secret()
    begun = BrowserSession(
        id=str(uuid.uuid4()),
        secret_hash=digest(secret),
        user_id=user.id,
        methods=" ".join(sorted(methods)),
        auth_time=now,
        seen_at=now,
        ends_at=now + END,
        agent=agent,
    )
    session.add(begun)
    session.flush()
    if replaces is not None:
        _replace(session, replaces, begun, now=now)
    return secret, begun


def started_session(session: Session, secret: str | None, *, now: datetime) -> BrowserSession | None:
    """The living one behind the cookie, complete or not; looking at it keeps it alive."""
    if not secret:
        return None
    known = session.exec(select(BrowserSession).where(BrowserSession.secret_hash == digest(secret))).first()
    if known is None or not living(known, now=now):
        return None
    user = session.get(User, known.user_id)
    if user is None or not user.active:
        return None
    known.seen_at = now
    session.add(known)
    return known


def current_session(session: Session, secret: str | None, *, now: datetime) -> BrowserSession | None:
    """The living one of somebody who is signed in: while a step is missing, nobody is."""
    known = started_session(session, secret, now=now)
    return known if known is not None and known.completed_at is not None else None


def living(known: BrowserSession, *, now: datetime) -> bool:
    return known.ended_at is None and known.ends_at > now and known.seen_at + IDLE > now


def proven(session: Session, known: BrowserSession, method: str, *, now: datetime) -> str:
    """The session has shown one thing more: it is worth more, so its cookie is renewed. The new secret."""
    known.methods = " ".join(sorted({*known.methods.split(), method}))
    known.auth_time = known.factor_at = now
    known.factor_failures = 0
    return renewed(session, known)


def renewed(session: Session, known: BrowserSession) -> str:
    secret = new_secret()
    known.secret_hash = digest(secret)
    session.add(known)
    session.flush()
    return secret


def agent_in_words(header: str) -> str:
    """`Firefox on Windows`; of what a browser says about itself nothing else is kept."""
    known = [next((word for part, word in kinds if re.search(part, header)), None) for kinds in (_BROWSERS, _SYSTEMS)]
    return " on ".join(word for word in known if word) or "an unknown browser"


def _replace(session: Session, before: BrowserSession, begun: BrowserSession, *, now: datetime) -> None:
    before.ended_at = before.ended_at or now
    session.add(before)
    if before.user_id == begun.user_id:
        for table in (GrantFamily, AuthCode):
            session.exec(update(table).where(col(table.session_id) == before.id).values(session_id=begun.id))
