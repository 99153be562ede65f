"""The console of administrators, at `/admin`: pages that are forms, each act told in the access log."""

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from bedside.auth.admin import (
    access_log,
    client,
    client_form,
    clients,
    consents,
    glass,
    groups,
    keys,
    sessions,
    user,
    user_form,
    users,
)
from bedside.auth.admin.console import FRONT, Console, Visit
from bedside.auth.admin.sections import sections_of
from bedside.auth.answers import NO_STORE
from bedside.auth.authority import Authority

# The fixed addresses of a section come before those that name one thing.
_PAGES = (users, user_form, user, groups, clients, client_form, client, sessions, consents, keys, glass, access_log)


def routes(authority: Authority) -> APIRouter:
    console = Console(authority)

    @console.page(FRONT, may=None)
    def front(visit: Visit) -> Response:
        return RedirectResponse(sections_of(visit.visitor.words)[0].path, 303, headers=NO_STORE)

    for page in _PAGES:
        page.declare(console)
    return console.router
