"""Taking back what was consented to."""

from sqlmodel import Session, col, delete, select

from bedside.auth.authority import Authority
from bedside.auth.revocation import end_families
from bedside.auth.tables import Consent, GrantFamily


def withdraw_consent(authority: Authority, session: Session, *, user_id: str, client_id: str) -> bool:
    """What the app holds of this person is over, and it has to ask again. False when there was no such consent."""
    gone = session.exec(
        delete(Consent).where(col(Consent.user_id) == user_id, col(Consent.client_id) == client_id)
    ).rowcount
    held = select(GrantFamily).where(
        GrantFamily.user_id == user_id, GrantFamily.client_id == client_id, col(GrantFamily.ended_at).is_(None)
    )
    end_families(authority, session, session.exec(held).all())
    return gone == 1
