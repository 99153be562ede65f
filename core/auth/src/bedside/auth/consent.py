"""What a person has allowed an app of others: remembered, narrowed and taken back."""

from sqlmodel import Session, col, delete, select

from bedside.auth.access_log import Happening, record
from bedside.auth.authority import Authority
from bedside.auth.putting import put
from bedside.auth.revocation import end_families
from bedside.auth.tables import Client, Consent, GrantFamily
from bedside.identity.scopes import Scopes

NOTHING = Scopes()


def consented(session: Session, user_id: str, client: Client) -> Scopes | None:
    """What the person has allowed; None for an app of the house, which needs no consent."""
    if client.first_party:
        return None
    known = session.get(Consent, (user_id, client.id))
    return Scopes.parse(known.scope) if known is not None else NOTHING


def give_consent(
    authority: Authority, session: Session, user_id: str, client: Client, *, shown: Scopes, chosen: Scopes
) -> None:
    """What was shown and not chosen is allowed no longer; what was allowed before and not shown stays."""
    known = session.get(Consent, (user_id, client.id))
    kept = [each for each in Scopes.parse(known.scope if known else "") if not shown.covers(Scopes.parse(each))]
    scope = str(Scopes.parse(" ".join(kept)).union(chosen))
    put(session, Consent(user_id=user_id, client_id=client.id, scope=scope, given_at=authority.clock.now()))
    record(
        authority,
        session,
        Happening("consent-given", user_id=user_id, client_id=client.id, detail={"scope": str(chosen)}),
    )


def withdraw_consent(authority: Authority, session: Session, *, user_id: str, client_id: str, by: str) -> bool:
    """The app may nothing any more, at once. `by` is who took it back, a user id. False when nothing was given."""
    withdrawn = session.exec(
        delete(Consent).where(col(Consent.user_id) == user_id, col(Consent.client_id) == client_id)
    )
    families = session.exec(
        select(GrantFamily).where(
            GrantFamily.user_id == user_id,
            GrantFamily.client_id == client_id,
            col(GrantFamily.ended_at).is_(None),
        )
    ).all()
    end_families(authority, session, families)
    if not withdrawn.rowcount and not families:
        return False
    record(
        authority,
        session,
        Happening("consent-withdrawn", user_id=by, client_id=client_id, entity=f"User/{user_id}"),
    )
    return True
