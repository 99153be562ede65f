"""What people allowed apps of others to do, and withdrawing it."""

from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlmodel import Session, col, or_, select
from starlette.responses import Response

from bedside.auth.admin.console import Console, Visit
from bedside.auth.admin.paging import address_of_page, page_number, page_of
from bedside.auth.admin.sections import SESSIONS
from bedside.auth.admin.typing_in import typed
from bedside.auth.consent import withdraw_consent
from bedside.auth.scope_words import in_words
from bedside.auth.tables import Client, Consent, User

PATH = "/admin/consents"


@dataclass(frozen=True)
class _Given:
    person: User
    client: Client
    scopes: list[tuple[str, str]]
    """Each with what it says."""
    given_at: datetime


def declare(console: Console) -> None:
    @console.page(PATH, may=SESSIONS)
    def listed(visit: Visit) -> Response:
        q = typed(visit.query, "q", characters_max=100)
        found = page_of(visit.session, _asked(q), number=page_number(visit.query))
        rows = [_given(visit.session, consent) for consent in found.rows]
        return visit.shown(
            "consents.html", q=q, found=replace(found, rows=rows), address=partial(address_of_page, PATH, visit.query)
        )

    @console.act(f"{PATH}/withdraw", may=SESSIONS)
    def withdraw(visit: Visit) -> Response:
        user_id, client_id = typed(visit.form, "user"), typed(visit.form, "client")
        by = visit.visitor.user.id
        if not withdraw_consent(visit.authority, visit.session, user_id=user_id, client_id=client_id, by=by):
            return visit.nothing_there()
        return visit.done(PATH, "Withdrawn. The app may no longer act for this person, unless they allow it anew.")


def _asked(q: str) -> Any:
    asked = (
        select(Consent).join(User, col(User.id) == Consent.user_id).join(Client, col(Client.id) == Consent.client_id)
    )
    if q:
        asked = asked.where(
            or_(*(col(name).icontains(q, autoescape=True) for name in (User.username, User.name, Client.name)))
        )
    return asked.order_by(col(Consent.given_at).desc(), col(Consent.user_id), col(Consent.client_id))


def _given(session: Session, consent: Consent) -> _Given:
    person, client = session.get_one(User, consent.user_id), session.get_one(Client, consent.client_id)
    return _Given(person, client, [(scope, in_words(scope)) for scope in consent.scope.split()], consent.given_at)
