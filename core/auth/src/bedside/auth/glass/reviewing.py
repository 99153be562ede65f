"""Looking at an emergency access afterwards: by an administrator, never by whoever had it."""

from sqlmodel import Session, col, update

from bedside.auth.access_log import Happening, record
from bedside.auth.authority import Authority
from bedside.auth.glass.refusing import GlassRefused
from bedside.auth.tables import Glass, User

VERDICTS = ("justified", "investigate")
REVIEW_NOTE_MAX = 2_000
"""Characters."""


def review_glass(
    authority: Authority, session: Session, reviewer: User, glass: Glass, *, verdict: str, note: str
) -> None:
    """Raises GlassRefused for one's own, and for one that was reviewed already. `note` may be empty."""
    assert verdict in VERDICTS, "verdicts are codes"
    if glass.user_id == reviewer.id:
        raise GlassRefused("own", "Nobody reviews their own emergency access: ask another administrator.")
    now = authority.clock.now()
    open_still = update(Glass).where(col(Glass.id) == glass.id, col(Glass.reviewed_at).is_(None))
    said = {"reviewed_at": now, "reviewed_by": reviewer.id, "verdict": verdict, "review_note": note or None}
    if session.exec(open_still.values(**said)).rowcount != 1:
        raise GlassRefused("reviewed", "Somebody has reviewed it meanwhile.")
    record(
        authority,
        session,
        Happening(
            "glass-reviewed",
            user_id=reviewer.id,
            patient=glass.patient,
            entity=f"Glass/{glass.id}",
            detail={"verdict": verdict},
        ),
    )
