"""`/end_session`: signing out. https://openid.net/specs/openid-connect-rpinitiated-1_0.html"""

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from fastapi import APIRouter
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bedside.auth.access_log import Happening, record
from bedside.auth.answers import NO_STORE
from bedside.auth.authority import Authority
from bedside.auth.endpoints.access import PUBLIC
from bedside.auth.endpoints.sign_in import forged
from bedside.auth.id_token_hints import hinted
from bedside.auth.pages import message, page
from bedside.auth.parameters import Parameters
from bedside.auth.protocol import read_form
from bedside.auth.refusals import OAuthRefused
from bedside.auth.revocation import end_families, end_session
from bedside.auth.sign_in.browser import Browser
from bedside.auth.sign_in.sessions import started_session
from bedside.auth.tables import Client, GrantFamily
from bedside.auth.tables import Session as BrowserSession

FORM = "end_session"


def routes(authority: Authority) -> APIRouter:
    router = APIRouter()

    @router.get("/end_session", openapi_extra=PUBLIC)
    def ask(request: Request) -> Response:
        browser = Browser(authority, request)
        try:
            parameters = Parameters.parse(request.scope["query_string"])
        except OAuthRefused:
            parameters = Parameters()
        with authority.units.unit() as session:
            own = started_session(session, browser.session_secret, now=authority.clock.now())
            family = _asking(authority, session, parameters, own)
            if family is None:
                # Without proof that an app of this person asks, the person is asked: a link could sign them out.
                return browser.remember(page("sign_out.html", csrf=browser.proof(FORM)))
            return _signed_out(authority, session, browser, parameters, own, family)

    @router.post("/end_session", openapi_extra=PUBLIC)
    async def confirmed(request: Request) -> Response:
        form = await read_form(request)
        return await run_in_threadpool(_confirmed, authority, Browser(authority, request), form)

    return router


def _confirmed(authority: Authority, browser: Browser, form: Parameters) -> Response:
    with authority.units.unit() as session:
        own = started_session(session, browser.session_secret, now=authority.clock.now())
        family = _asking(authority, session, form, own)
        if family is None and not browser.proves(form.get("csrf"), FORM):
            return forged()
        return _signed_out(authority, session, browser, form, own, family)


def _asking(
    authority: Authority, session: Session, parameters: Parameters, own: BrowserSession | None
) -> GrantFamily | None:
    """The authorization in whose name an app asks. None when it is one of somebody else than who is signed in here."""
    family = _hinted(authority, session, parameters.get("id_token_hint"))
    return None if family is not None and own is not None and own.user_id != family.user_id else family


def _signed_out(
    authority: Authority,
    session: Session,
    browser: Browser,
    parameters: Parameters,
    own: BrowserSession | None,
    family: GrantFamily | None,
) -> Response:
    theirs = session.get(BrowserSession, family.session_id) if family is not None else None
    for ended in {found.id: found for found in (own, theirs) if found is not None}.values():
        end_session(authority, session, ended)
        record(authority, session, Happening("sign-out", user_id=ended.user_id, entity=f"Session/{ended.id}"))
    if family is not None and family.ended_at is None:
        end_families(authority, session, [family])
    return browser.forget_session(_goodbye(session, parameters, family))


def _goodbye(session: Session, parameters: Parameters, family: GrantFamily | None) -> Response:
    address = parameters.get("post_logout_redirect_uri")
    client = session.get(Client, family.client_id) if family is not None else None
    if address is None or client is None or address not in client.post_logout_redirect_uris:
        return message("You are signed out", "You may close this page.", status=200)
    state = parameters.get("state")
    return RedirectResponse(_with_state(address, state) if state is not None else address, 303, headers=NO_STORE)


def _with_state(address: str, state: str) -> str:
    parts = urlsplit(address)
    query = [*parse_qsl(parts.query, keep_blank_values=True), ("state", state)]
    return urlunsplit(parts._replace(query=urlencode(query)))


def _hinted(authority: Authority, session: Session, id_token: str | None) -> GrantFamily | None:
    """The authorization whose ID token this is."""
    claims = hinted(authority, id_token)
    return session.get(GrantFamily, str(claims.get("sid"))) if claims is not None else None
