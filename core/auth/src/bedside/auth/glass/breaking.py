"""Breaking the glass: from a person's token to half an hour of one patient's whole record."""

import uuid
from datetime import datetime, timedelta

from sqlmodel import Session, col, select, update

from bedside.auth.access_log import Happening, record
from bedside.auth.authority import Authority
from bedside.auth.directory import active_user, roles_of
from bedside.auth.glass.refusing import GlassRefused
from bedside.auth.glass.standing import may_break, permitted, standing_for
from bedside.auth.glass.step_up import has_stepped_up
from bedside.auth.putting import put_if_absent
from bedside.auth.tables import Glass
from bedside.events import Fact
from bedside.events.catalog import BreakGlassUsed
from bedside.identity import BREAK_GLASS, Caller, Verified
from bedside.identity.emergency import STANDING_MAX

GLASS_LIFE = timedelta(minutes=30)
REASONS = ("emergency", "patient-asked", "other")
NOTE_MIN, NOTE_MAX = 10, 500
"""Characters of what a person says about it."""


def check_may_ask(authority: Authority, session: Session, token: Verified) -> None:
    """Whoever this is may ask at all, whether or not they must first show anew who they are. Raises GlassRefused."""
    user = active_user(session, token.subject)
    roles = roles_of(session, user, now=authority.clock.now()) if user is not None else []
    if not permitted(roles) or not Caller.of(token).may("r", "Patient"):
        raise GlassRefused("not-permitted", "Your role has no emergency access.")
    if not may_break(session, token):
        raise GlassRefused("app", "Emergency access is opened in Bedside's own apps only.")


def break_glass(
    authority: Authority, session: Session, token: Verified, *, patient: str, reason: str, note: str
) -> tuple[Glass, bool]:
    """The access that stands now, and whether this began it: where one stood, it goes on to its own end.

    Raises GlassRefused, `step-up` where `step_up_wanted` has to be met first. `patient` is a logical id.
    """
    check_may_ask(authority, session, token)
    now = authority.clock.now()
    if not has_stepped_up(token, authority.installation, now=now):
        raise GlassRefused("step-up", "Show first, and anew, who you are.")
    _note_the_end_of_old(session, token.subject, now=now)
    standing = standing_for(session, token.subject, now=now)
    if known := next((glass for glass in standing if glass.patient == patient), None):
        return known, False
    if len(standing) >= STANDING_MAX:
        raise GlassRefused("too-many", "You have emergency access to as many patients as can be: end one first.")
    begun = _begun(token, patient=patient, reason=reason, note=note, now=now)
    if not put_if_absent(session, begun):
        # Somebody else of the same name was faster by a moment: it is theirs that stands.
        return _standing(session, token.subject, patient), False
    _tell(authority, session, begun)
    return session.get_one(Glass, begun.id), True


def _begun(token: Verified, *, patient: str, reason: str, note: str, now: datetime) -> Glass:
    assert reason in REASONS, "reasons are codes"
    return Glass(
        id=str(uuid.uuid4()),
        user_id=token.subject,
        family=token.session_id,
        client_id=token.client_id,
        patient=patient,
        reason=reason,
        note=note,
        began_at=now,
        # Tokens speak in whole seconds.
        until=now.replace(microsecond=0) + GLASS_LIFE,
    )


def _tell(authority: Authority, session: Session, begun: Glass) -> None:
    record(
        authority,
        session,
        Happening(
            "glass-broken",
            user_id=begun.user_id,
            client_id=begun.client_id,
            patient=begun.patient,
            entity=f"Glass/{begun.id}",
            purpose=BREAK_GLASS,
            detail={"reason": begun.reason},
        ),
    )
    session.flush()
    data = BreakGlassUsed(glass=begun.id, user=begun.user_id, patient=f"Patient/{begun.patient}", until=begun.until)
    fact = Fact(data, subject=f"User/{begun.user_id}")
    authority.outbox.append_sync(session.connection(), [fact], now=authority.clock.now())


def _note_the_end_of_old(session: Session, user_id: str, *, now: datetime) -> None:
    over = update(Glass).where(col(Glass.user_id) == user_id, col(Glass.ended_at).is_(None), col(Glass.until) <= now)
    session.exec(over.values(ended_at=Glass.until, ended_by="time"))


def _standing(session: Session, user_id: str, patient: str) -> Glass:
    asked = select(Glass).where(Glass.user_id == user_id, Glass.patient == patient, col(Glass.ended_at).is_(None))
    return session.exec(asked).one()
