"""What the page after an act says once: that it was done, and perhaps a secret that nobody can be shown again.

The act answers by a redirect, so that loading the page again does not repeat it. What is to be said waits in the
database meanwhile, sealed and only for the browser session that acted.
"""

from dataclasses import asdict, dataclass
from datetime import timedelta

import orjson
from cryptography.exceptions import InvalidTag
from sqlmodel import Session, col, delete, select

from bedside.auth.authority import Authority
from bedside.auth.secrets_kept import digest, new_secret
from bedside.auth.tables import ConsoleNote
from bedside.auth.tables import Session as BrowserSession

NOTE_LIFE = timedelta(minutes=5)
PARAMETER = "note"


@dataclass(frozen=True)
class Note:
    text: str
    problem: bool = False
    secret: str | None = None
    """Shown in full, this once."""
    shown_as: str | None = None
    """What the secret is: "Client secret", "Invitation link"."""


def leave_note(authority: Authority, session: Session, browser_session: BrowserSession, note: Note) -> str:
    """The handle by which the next page finds it."""
    handle, now = new_secret(), authority.clock.now()
    session.exec(delete(ConsoleNote).where(col(ConsoleNote.expires_at) <= now))
    sealed = authority.sealing.seal(orjson.dumps(asdict(note)), bound_to=_bound_to(handle, browser_session))
    session.add(
        ConsoleNote(id=digest(handle), session_id=browser_session.id, sealed=sealed, expires_at=now + NOTE_LIFE)
    )
    return handle


def take_note(authority: Authority, session: Session, browser_session: BrowserSession, handle: str) -> Note | None:
    """None when it was taken already, has grown old, or is another session's. Of two who take it, one gets it."""
    known = session.exec(
        select(ConsoleNote).where(
            ConsoleNote.id == digest(handle),
            ConsoleNote.session_id == browser_session.id,
            col(ConsoleNote.expires_at) > authority.clock.now(),
        )
    ).first()
    if known is None or session.exec(delete(ConsoleNote).where(col(ConsoleNote.id) == known.id)).rowcount != 1:
        return None
    try:
        return Note(**orjson.loads(authority.sealing.open(known.sealed, bound_to=_bound_to(handle, browser_session))))
    except InvalidTag:
        return None


def _bound_to(handle: str, browser_session: BrowserSession) -> str:
    return f"note {handle} {browser_session.id}"
