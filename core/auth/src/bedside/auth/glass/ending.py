"""Ending emergency access before its time, by whoever has it."""

from sqlmodel import Session, col

from bedside.auth.authority import Authority
from bedside.auth.revocation import end_glasses
from bedside.auth.tables import Glass


def end_glass(authority: Authority, session: Session, *, user_id: str, glass_id: str) -> Glass | None:
    """None for one that is not theirs. Safe to repeat: what is over stays as it ended."""
    glass = session.get(Glass, glass_id)
    if glass is None or glass.user_id != user_id:
        return None
    if glass.until > authority.clock.now():
        end_glasses(authority, session, col(Glass.id) == glass_id, by="user")
    return glass
