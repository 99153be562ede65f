"""`/token`: grants, for clients."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from bedside.auth.authority import Authority
from bedside.auth.endpoints.access import CLIENT
from bedside.auth.grants import GRANTS
from bedside.auth.protocol import ClientRequest, TokenEndpoint, client_request


def routes(authority: Authority) -> APIRouter:
    router = APIRouter()
    endpoint = TokenEndpoint(authority, GRANTS)

    @router.post("/token", openapi_extra=CLIENT)
    def token(request: Annotated[ClientRequest, Depends(client_request)]) -> Response:
        return endpoint.answer(request)

    return router
