"""`/account`: what a person sees and changes of their own account."""

from fastapi import APIRouter

from bedside.auth.account import apps, overview, record, recovery, removing, setting_up, signing_out
from bedside.auth.authority import Authority

_PAGES = (overview, setting_up, recovery, removing, apps, record, signing_out)


def routes(authority: Authority) -> APIRouter:
    router = APIRouter()
    for page in _PAGES:
        router.routes.extend(page.routes(authority).routes)
    return router
