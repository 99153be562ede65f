"""Taking away a second factor that is not used any more, or was lost."""

from fastapi import APIRouter
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from bedside.auth.account.owner import PATH as ACCOUNT
from bedside.auth.account.owner import Owner, forged_by, owner_of
from bedside.auth.authority import Authority
from bedside.auth.directory import Actor, remove_factor
from bedside.auth.endpoints.access import SIGNED_IN
from bedside.auth.endpoints.sign_in import forged
from bedside.auth.pages import message, page
from bedside.auth.parameters import Parameters
from bedside.auth.protocol import read_form
from bedside.auth.sign_in.browser import Browser
from bedside.auth.sign_in.completing import confirmed_factors, holding_of
from bedside.auth.tables import Credential

PATH = f"{ACCOUNT}/factors/{{credential_id}}/remove"


def routes(authority: Authority) -> APIRouter:
    router = APIRouter()

    @router.get(PATH, openapi_extra=SIGNED_IN)
    def asked(request: Request, credential_id: str) -> Response:
        browser = Browser(authority, request)
        with authority.units.unit() as session:
            owner = owner_of(authority, session, browser, _way(credential_id), fresh=True)
            if isinstance(owner, Response):
                return owner
            factor = _own(session, owner, credential_id)
            if factor is None:
                return _gone()
            shown = page(
                "account_confirm.html",
                title=f"Remove “{factor.label}”?",
                text="It then lets you in no longer.",
                button="Remove it",
                action=_way(factor.id),
                csrf=owner.csrf,
                danger=True,
            )
            return browser.remember(shown)

    @router.post(PATH, openapi_extra=SIGNED_IN)
    async def remove(request: Request, credential_id: str) -> Response:
        browser, form = Browser(authority, request), await read_form(request)
        return await run_in_threadpool(_removed, authority, browser, form, credential_id)

    return router


def _removed(authority: Authority, browser: Browser, form: Parameters, credential_id: str) -> Response:
    with authority.units.unit() as session:
        owner = owner_of(authority, session, browser, _way(credential_id), fresh=True, sending=True)
        if isinstance(owner, Response):
            return owner
        if forged_by(browser, owner, form.get("csrf")):
            return forged()
        factor = _own(session, owner, credential_id)
        if factor is None:
            return _gone()
        last = len(confirmed_factors(session, owner.user)) == 1
        if last and holding_of(authority, session, owner.user).must_enrol:
            return message(
                "You need one",
                "It is the only one you have, and for what you do here you must have one. Set up another one first.",
                status=409,
                onward=(ACCOUNT, "To your account"),
            )
        actor = Actor("account", False, user_id=owner.user.id)
        remove_factor(authority, session, actor, owner.user, factor, last=last)
    text = "It lets you in no longer."
    return browser.remember(message("Removed", text, status=200, onward=(ACCOUNT, "To your account")))


def _own(session: Session, owner: Owner, credential_id: str) -> Credential | None:
    return next((each for each in confirmed_factors(session, owner.user) if each.id == credential_id), None)


def _way(credential_id: str) -> str:
    return PATH.format(credential_id=credential_id)


def _gone() -> Response:
    return message("It is not there", "It was removed already.", status=404, onward=(ACCOUNT, "To your account"))
