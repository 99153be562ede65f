"""The first page: second step, password, apps, browsers that are signed in."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from bedside.auth.account.apps import allowed_apps
from bedside.auth.account.owner import PATH, owner_of
from bedside.auth.admin.sessions import living_of
from bedside.auth.admin.wording import Wording
from bedside.auth.authority import Authority
from bedside.auth.endpoints.access import SIGNED_IN
from bedside.auth.endpoints.end_session import FORM
from bedside.auth.pages import page
from bedside.auth.sign_in.browser import Browser
from bedside.auth.sign_in.completing import confirmed_factors
from bedside.auth.sign_in.recovery import recovery_codes_left
from bedside.auth.whom import own_patients


def routes(authority: Authority) -> APIRouter:
    router = APIRouter()

    @router.get(PATH, openapi_extra=SIGNED_IN)
    def overview(request: Request) -> Response:
        browser = Browser(authority, request)
        with authority.units.unit() as session:
            owner = owner_of(authority, session, browser, PATH)
            if isinstance(owner, Response):
                return owner
            now = authority.clock.now()
            shown = page(
                "account.html",
                me=owner.user,
                csrf=owner.csrf,
                sign_out_proof=browser.proof(FORM),
                factors=confirmed_factors(session, owner.user),
                own_patients=own_patients(session, owner.user, now=now),
                apps=allowed_apps(session, owner.user),
                passkeys=authority.installation.passkey_host is not None,
                codes_left=recovery_codes_left(session, owner.user),
                sessions=living_of(session, owner.user, now=now),
                own=owner.browser_session.id,
                wording=Wording(now, authority.installation.zone),
            )
            return browser.remember(shown)

    return router
