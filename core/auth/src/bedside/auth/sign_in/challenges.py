"""What a passkey signs: shown to one session for one purpose, good for five minutes and once.

Nothing is kept until it is answered: a challenge carries its own proof. https://www.w3.org/TR/webauthn-3/#sctn-cryptographic-challenges
"""

from datetime import timedelta
from typing import Literal

from sqlmodel import Session, col, delete

from bedside.auth.authority import Authority
from bedside.auth.putting import put_if_absent
from bedside.auth.secrets_kept import digest, new_secret, same
from bedside.auth.tables import Session as BrowserSession
from bedside.auth.tables import SpentChallenge

LIFE = timedelta(minutes=5)
Purpose = Literal["create", "get"]


def new_challenge(authority: Authority, browser_session: BrowserSession, purpose: Purpose) -> bytes:
    until = int((authority.clock.now() + LIFE).timestamp())
    told = f"{until}.{new_secret()}"
    return f"{told}.{_mark(authority, browser_session, purpose, told)}".encode()


def spend_challenge(
    authority: Authority, session: Session, browser_session: BrowserSession, purpose: Purpose, challenge: bytes
) -> bool:
    """Whether it was shown to this session for this purpose, is young enough, and was not answered before."""
    now = authority.clock.now()
    told, _, mark = challenge.decode("ascii", "replace").rpartition(".")
    if not same(mark, _mark(authority, browser_session, purpose, told)):
        return False
    # It is ours, so it has the form that we gave it.
    if int(told.partition(".")[0]) <= now.timestamp():
        return False
    session.exec(delete(SpentChallenge).where(col(SpentChallenge.until) < now))
    return put_if_absent(session, SpentChallenge(id=digest(told), until=now + LIFE))


def _mark(authority: Authority, browser_session: BrowserSession, purpose: Purpose, told: str) -> str:
    return authority.sealing.mark("passkey challenge", f"{purpose} {browser_session.id} {told}")
