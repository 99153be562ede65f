"""Apps of others that a person allowed to act for them, and taking that back."""

from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter
from sqlmodel import Session, col, select
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bedside.auth.account.owner import PATH as ACCOUNT
from bedside.auth.account.owner import forged_by, owner_of
from bedside.auth.answers import NO_STORE
from bedside.auth.authority import Authority
from bedside.auth.consent import withdraw_consent
from bedside.auth.endpoints.access import SIGNED_IN
from bedside.auth.endpoints.sign_in import forged
from bedside.auth.parameters import Parameters
from bedside.auth.protocol import read_form
from bedside.auth.scope_words import in_words
from bedside.auth.sign_in.browser import Browser
from bedside.auth.tables import Client, Consent, User

PATH = f"{ACCOUNT}/apps/withdraw"
SHOWN_MAX = 100


@dataclass(frozen=True)
class Allowed:
    client_id: str
    name: str
    words: list[str]
    """What it may do."""
    given_at: datetime


def allowed_apps(session: Session, user: User) -> list[Allowed]:
    """The newest first."""
    given = select(Consent, Client).join(Client, col(Client.id) == Consent.client_id)
    given = given.where(Consent.user_id == user.id).order_by(col(Consent.given_at).desc(), col(Client.id))
    return [
        Allowed(client.id, client.name, [in_words(scope) for scope in consent.scope.split()], consent.given_at)
        for consent, client in session.exec(given.limit(SHOWN_MAX)).all()
    ]


def routes(authority: Authority) -> APIRouter:
    router = APIRouter()

    @router.post(PATH, openapi_extra=SIGNED_IN)
    async def withdraw(request: Request) -> Response:
        browser, form = Browser(authority, request), await read_form(request)
        return await run_in_threadpool(_withdrawn, authority, browser, form)

    return router


def _withdrawn(authority: Authority, browser: Browser, form: Parameters) -> Response:
    with authority.units.unit() as session:
        owner = owner_of(authority, session, browser, ACCOUNT)
        if isinstance(owner, Response):
            return owner
        if forged_by(browser, owner, form.get("csrf")):
            return forged()
        own = owner.user.id
        withdraw_consent(authority, session, user_id=own, client_id=form.get("client") or "", by=own)
    return RedirectResponse(ACCOUNT, 303, headers=NO_STORE)
