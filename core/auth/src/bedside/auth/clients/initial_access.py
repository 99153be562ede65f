"""Tokens that an administrator gives out, each for one registration."""

from datetime import timedelta

from sqlmodel import Session, col, delete, update

from bedside.auth.authority import Authority
from bedside.auth.clients.registering import By
from bedside.auth.secrets_kept import digest, new_secret
from bedside.auth.tables import InitialAccessToken

INITIAL_TOKEN_LIFE = timedelta(days=7)


def make_initial_access_token(authority: Authority, session: Session, *, by: By, made_for: str = "") -> str:
    """To be shown once. It is good for a week and one client. `made_for` reminds people of whom they gave it to."""
    secret, now = new_secret(), authority.clock.now()
    session.exec(delete(InitialAccessToken).where(col(InitialAccessToken.expires_at) <= now))
    session.add(
        InitialAccessToken(id=digest(secret), made_by=by.name, made_for=made_for, expires_at=now + INITIAL_TOKEN_LIFE)
    )
    by.record(authority, session, "initial-access-token-made", entity=name_of(secret))
    return secret


def withdraw_initial_access_token(authority: Authority, session: Session, token_id: str, *, by: By) -> bool:
    """False when there is none that could still be used. Of this and a registration at once, one gets it."""
    open_still = delete(InitialAccessToken).where(
        col(InitialAccessToken.id) == token_id,
        col(InitialAccessToken.used_at).is_(None),
        col(InitialAccessToken.expires_at) > authority.clock.now(),
    )
    if session.exec(open_still).rowcount != 1:
        return False
    by.record(authority, session, "initial-access-token-withdrawn", entity=_name(token_id))
    return True


def is_open(authority: Authority, session: Session, secret: str) -> bool:
    known = session.get(InitialAccessToken, digest(secret))
    return known is not None and known.used_at is None and known.expires_at > authority.clock.now()


def claim(authority: Authority, session: Session, secret: str) -> bool:
    """Uses the token up. Of two registrations at once, one gets it."""
    now = authority.clock.now()
    claimed = session.exec(
        update(InitialAccessToken)
        .where(
            col(InitialAccessToken.id) == digest(secret),
            col(InitialAccessToken.used_at).is_(None),
            col(InitialAccessToken.expires_at) > now,
        )
        .values(used_at=now)
    )
    return bool(claimed.rowcount == 1)


def name_of(secret: str) -> str:
    """How the access log speaks of it: enough to find it again, nothing to use it by."""
    return _name(digest(secret))


def _name(token_id: str) -> str:
    return f"Token/{token_id[:16]}"
