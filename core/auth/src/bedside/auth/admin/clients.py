"""The programs that may ask: the list of them, and the tokens that let others register one."""

from functools import partial
from typing import Any

from sqlmodel import Session, col, or_, select
from starlette.responses import Response

from bedside.auth.admin.console import Console, Refusal, Visit
from bedside.auth.admin.notes import Note
from bedside.auth.admin.paging import address_of_page, page_number, page_of
from bedside.auth.admin.sections import CLIENTS
from bedside.auth.admin.typing_in import typed
from bedside.auth.authorizing import OWN_PAGES
from bedside.auth.clients import INITIAL_TOKEN_LIFE, By, make_initial_access_token, withdraw_initial_access_token
from bedside.auth.tables import Client, InitialAccessToken, User

PATH = "/admin/clients"
TOKENS = f"{PATH}/initial-access-tokens"
_STATES = {"active": True, "disabled": False}
_TOKENS_SHOWN_MAX = 50


def declare(console: Console) -> None:
    @console.page(PATH, may=CLIENTS)
    def listed(visit: Visit) -> Response:
        q, state = typed(visit.query, "q", characters_max=100), typed(visit.query, "state")
        found = page_of(visit.session, _asked(q, state), number=page_number(visit.query))
        address = partial(address_of_page, PATH, visit.query)
        return visit.shown("clients.html", q=q, chosen_state=state, found=found, address=address)

    @console.page(TOKENS, may=CLIENTS)
    def tokens(visit: Visit) -> Response:
        return visit.shown("initial_access.html", tokens=_open_tokens(visit), days=INITIAL_TOKEN_LIFE.days)

    @console.act(TOKENS, may=CLIENTS, fresh=True)
    def make_token(visit: Visit) -> Response:
        made_for = typed(visit.form, "made_for", characters_max=100)
        if not made_for:
            raise Refusal("invalid", "Say whom it is for: by that you know it again when you want to withdraw it.")
        token = make_initial_access_token(visit.authority, visit.session, by=by(visit), made_for=made_for)
        text = "The token is made. Whoever has it may register one program, without access for programs of their own."
        return visit.done(TOKENS, Note(text, secret=token, shown_as="Initial access token"))

    @console.act(f"{TOKENS}/{{token_id}}/withdraw", may=CLIENTS)
    def withdraw_token(visit: Visit) -> Response:
        token_id = visit.named["token_id"]
        if not withdraw_initial_access_token(visit.authority, visit.session, token_id, by=by(visit)):
            return visit.nothing_there()
        return visit.done(TOKENS, "Withdrawn: nobody can register with it any more.")


def by(visit: Visit) -> By:
    return By(user_id=visit.visitor.user.id)


def found_client(visit: Visit) -> Client | None:
    """None also for what stands for our own pages: it is no program."""
    name = visit.named["client_id"]
    return visit.session.get(Client, name) if name != OWN_PAGES else None


def _asked(q: str, state: str) -> Any:
    asked = select(Client).where(Client.id != OWN_PAGES)
    if q:
        asked = asked.where(or_(*(col(name).icontains(q, autoescape=True) for name in (Client.id, Client.name))))
    if state in _STATES:
        asked = asked.where(col(Client.active) == _STATES[state])
    return asked.order_by(col(Client.service), col(Client.name), col(Client.id))


def _open_tokens(visit: Visit) -> list[tuple[InitialAccessToken, str]]:
    """With the names of those who made them, newest first."""
    asked = select(InitialAccessToken).where(
        col(InitialAccessToken.used_at).is_(None), InitialAccessToken.expires_at > visit.authority.clock.now()
    )
    newest = asked.order_by(col(InitialAccessToken.expires_at).desc()).limit(_TOKENS_SHOWN_MAX)
    return [(token, made_by(visit.session, token.made_by)) for token in visit.session.exec(newest).all()]


def made_by(session: Session, who: str | None) -> str:
    """`User/…`, `Client/…` and `Token/…` as a person reads them."""
    if who is None:
        return "this installation"
    kind, _, name = who.partition("/")
    if kind == "User":
        user = session.get(User, name)
        return user.name if user is not None else "somebody who is gone"
    if kind == "Client":
        client = session.get(Client, name)
        return client.name if client is not None else name
    return "the bearer of an initial access token"
