"""`/userinfo`: who signed in, for the app they signed in to. OpenID Connect Core 1.0, section 5.3"""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bedside.auth.answers import NO_STORE, unauthorized
from bedside.auth.authority import Authority
from bedside.auth.directory import active_user
from bedside.auth.endpoints.access import token_with
from bedside.auth.endpoints.bearer import caller
from bedside.auth.minting import about
from bedside.identity import Refused
from bedside.identity.scopes import Scopes


def routes(authority: Authority) -> APIRouter:
    router = APIRouter()

    @router.api_route("/userinfo", methods=["GET", "POST"], openapi_extra=token_with("openid"))
    def userinfo(request: Request) -> Response:
        with authority.units.reading() as session:
            try:
                known = caller(authority, session, request)
            except Refused as refused:
                return unauthorized(refused)
            user = active_user(session, known.subject)
            if user is None or not known.holds("openid"):
                return unauthorized("insufficient_scope")
            told = about(authority, user, Scopes.parse(" ".join(known.scopes.words)))
        return JSONResponse(told, headers=NO_STORE)

    return router
