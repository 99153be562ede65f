"""The refresh tokens of one authorization: each is used once and names its successor."""

from datetime import datetime, timedelta
from typing import Any

from sqlmodel import col, select, update

from bedside.auth.grants.grant import Asked
from bedside.auth.launch_context import STYLE_PATH, LaunchContext
from bedside.auth.revocation import end_families
from bedside.auth.secrets_kept import digest, new_secret
from bedside.auth.tables import GrantFamily, RefreshToken

ONLINE_IDLE = timedelta(minutes=30)
ONLINE_END = timedelta(hours=12)
OFFLINE_IDLE = timedelta(days=90)
OFFLINE_END = timedelta(days=365)
GRACE = timedelta(seconds=10)


def family_end(scope: str, *, now: datetime) -> datetime:
    return now + (OFFLINE_END if is_offline(scope) else ONLINE_END)


def refreshable(scope: str) -> bool:
    return bool({"online_access", "offline_access"} & set(scope.split()))


def first_refresh_token(asked: Asked, family: GrantFamily) -> str:
    secret = new_secret()
    _keep(asked, family, secret)
    return secret


def rotated(asked: Asked, family: GrantFamily, used: RefreshToken, secret: str) -> str | None:
    """The successor of `secret`; None when it had been used before, which is theft or a bug.

    A client that lost the answer may ask again: for ten seconds, while the successor is unused, it gets the same one.
    """
    successor = _successor(asked, secret)
    now = asked.authority.clock.now()
    claimed = asked.session.exec(
        update(RefreshToken)
        .where(col(RefreshToken.id) == used.id, col(RefreshToken.used_at).is_(None))
        .values(used_at=now)
    )
    if claimed.rowcount == 1:
        _keep(asked, family, successor)
        return successor
    asked.session.refresh(used)
    follower = asked.session.get(RefreshToken, digest(successor))
    if used.used_at and now - used.used_at <= GRACE and follower is not None and follower.used_at is None:
        return successor
    return None


def told_of_launch(asked: Asked, family: GrantFamily) -> dict[str, Any]:
    """The members of the token response that say where the app was launched."""
    context = LaunchContext.kept(family.patient, family.context)
    return context.answer(style_url=f"{asked.authority.installation.issuer}{STYLE_PATH}")


def end_family(asked: Asked, family_id: str) -> None:
    family = asked.session.get(GrantFamily, family_id)
    if family is not None:
        end_families(asked.authority, asked.session, [family])


def refresh_token_of(asked: Asked, secret: str) -> tuple[RefreshToken, GrantFamily] | None:
    found = asked.session.exec(
        select(RefreshToken, GrantFamily)
        .join(GrantFamily, col(GrantFamily.id) == col(RefreshToken.family))
        .where(RefreshToken.id == digest(secret))
    ).first()
    return (found[0], found[1]) if found else None


def _successor(asked: Asked, secret: str) -> str:
    # Made from its parent by a key, so that a repeat can be answered although nothing plain is kept.
    return asked.authority.sealing.mark("refresh successor", secret)


def _keep(asked: Asked, family: GrantFamily, secret: str) -> None:
    now = asked.authority.clock.now()
    idle = OFFLINE_IDLE if is_offline(family.scope) else ONLINE_IDLE
    asked.session.add(RefreshToken(id=digest(secret), family=family.id, expires_at=min(now + idle, family.ends_at)))
    asked.session.flush()


def is_offline(scope: str) -> bool:
    return "offline_access" in scope.split()
