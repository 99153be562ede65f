"""The browser session: what keeps a person signed in between apps."""

from datetime import datetime, timedelta

from sqlmodel import Session

from bedside.auth.secrets_kept import digest, new_secret
from bedside.auth.tables import Session as BrowserSession
from bedside.auth.tables import User

IDLE = timedelta(minutes=15)
END = timedelta(hours=12)


def begin_session(session: Session, user: User, *, now: datetime) -> tuple[str, BrowserSession]:
    """A fresh one at every sign-in: an id from before it is worth nothing. The first is the cookie's secret."""
    secret = new_secret()
    begun = BrowserSession(id=digest(secret), user_id=user.id, auth_time=now, seen_at=now, ends_at=now + END)
    session.add(begun)
    session.flush()
    return secret, begun


def current_session(session: Session, secret: str | None, *, now: datetime) -> BrowserSession | None:
    """The living one behind the cookie; looking at it keeps it alive."""
    known = session.get(BrowserSession, digest(secret)) if secret else None
    if known is None or known.ended_at is not None or known.ends_at <= now or known.seen_at + IDLE <= now:
        return None
    user = session.get(User, known.user_id)
    if user is None or not user.active:
        return None
    known.seen_at = now
    session.add(known)
    return known
