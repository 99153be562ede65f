"""Authenticator apps: time-based one-time passwords, each good once. https://www.rfc-editor.org/rfc/rfc6238"""

import uuid
from datetime import datetime, timedelta

import pyotp
from sqlmodel import Session, col, delete, select, update
from sqlmodel.sql.expression import SelectOfScalar

from bedside.auth.authority import Authority
from bedside.auth.secrets_kept import same
from bedside.auth.tables import Credential, User

KIND = "totp"
ISSUER_NAME = "Bedside"
PERIOD_S = 30
STEPS_ASIDE = 1
"""A telephone's clock may be half a minute off, and people type slowly."""
SHOWN_FOR = timedelta(minutes=30)
"""So long is the same secret shown again to who comes back without having confirmed it."""


def shown_authenticator(authority: Authority, session: Session, user: User) -> tuple[Credential, str]:
    """One that is not confirmed yet, and its secret in base32: the one that was shown a moment ago, or a new one."""
    now = authority.clock.now()
    known = session.exec(_unconfirmed(user).order_by(col(Credential.created_at).desc())).first()
    if known is not None and known.created_at + SHOWN_FOR > now:
        return known, _secret(authority, known)
    session.exec(
        delete(Credential).where(
            col(Credential.user_id) == user.id, col(Credential.kind) == KIND, col(Credential.confirmed_at).is_(None)
        )
    )
    secret = pyotp.random_base32()
    made = Credential(id=str(uuid.uuid4()), user_id=user.id, kind=KIND, label="Authenticator app", created_at=now)
    made.sealed = authority.sealing.seal(secret.encode(), bound_to=_bound(made))
    session.add(made)
    session.flush()
    return made, secret


def address_of(secret: str, user: User) -> str:
    """What the app reads from the picture: `otpauth://totp/…`."""
    return pyotp.TOTP(secret).provisioning_uri(name=user.username, issuer_name=ISSUER_NAME)


def confirm_authenticator(authority: Authority, session: Session, user: User, code: str) -> bool:
    """Whether the code is one of the app that was shown last; from then on it counts."""
    known = session.exec(_unconfirmed(user).order_by(col(Credential.created_at).desc())).first()
    if known is None or not _spent(authority, session, known, code):
        return False
    confirmed = update(Credential).where(col(Credential.id) == known.id, col(Credential.confirmed_at).is_(None))
    return bool(session.exec(confirmed.values(confirmed_at=authority.clock.now())).rowcount == 1)


def code_fits(authority: Authority, session: Session, user: User, code: str) -> bool:
    """Whether it is a code of one of this person's apps that was not used before; it is used now."""
    confirmed = select(Credential).where(
        Credential.user_id == user.id, Credential.kind == KIND, col(Credential.confirmed_at).is_not(None)
    )
    return any(_spent(authority, session, known, code) for known in session.exec(confirmed).all())


def _unconfirmed(user: User) -> SelectOfScalar[Credential]:
    return select(Credential).where(
        Credential.user_id == user.id, Credential.kind == KIND, col(Credential.confirmed_at).is_(None)
    )


def _spent(authority: Authority, session: Session, known: Credential, code: str) -> bool:
    """Of two who bring the same code at once, the database says who came first."""
    now = authority.clock.now()
    step = _step_of(_secret(authority, known), code, now)
    if step is None:
        return False
    unused = update(Credential).where(col(Credential.id) == known.id, col(Credential.counter) < step)
    return bool(session.exec(unused.values(counter=step, used_at=now)).rowcount == 1)


def _step_of(secret: str, code: str, now: datetime) -> int | None:
    """The time step whose code this is. All are compared, so that the time taken tells nothing."""
    present = int(now.timestamp()) // PERIOD_S
    totp = pyotp.TOTP(secret, interval=PERIOD_S)
    steps = range(present - STEPS_ASIDE, present + STEPS_ASIDE + 1)
    fitting = [step for step in steps if same(totp.at(step * PERIOD_S), code)]
    return fitting[-1] if fitting else None


def _secret(authority: Authority, known: Credential) -> str:
    return authority.sealing.open(known.sealed, bound_to=_bound(known)).decode()


def _bound(known: Credential) -> str:
    return f"authenticator {known.user_id} {known.id}"
