"""`/par`: a client pushes an authorization request, which nobody can then read or change on its way.

https://www.rfc-editor.org/rfc/rfc9126
"""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse, Response

from bedside.auth.answers import NO_STORE
from bedside.auth.authority import Authority
from bedside.auth.authorization_request import NotTheirRedirect, authorization_request, redirect_of
from bedside.auth.endpoints.access import CLIENT
from bedside.auth.parameters import Parameters
from bedside.auth.proof import invalid_proof, proven_key
from bedside.auth.protocol import ClientRequest, authenticated_client, client_request
from bedside.auth.pushed import PUSHED_LIFE, Pushed, push
from bedside.auth.refusals import invalid_request
from bedside.auth.tables import Client

PATH = "/par"
_PROVE_THE_CLIENT = frozenset({"client_id", "client_secret", "client_assertion", "client_assertion_type"})


def routes(authority: Authority) -> APIRouter:
    router = APIRouter()

    @router.post(PATH, openapi_extra=CLIENT)
    def par(request: Annotated[ClientRequest, Depends(client_request)]) -> Response:
        """201 `{request_uri, expires_in}`."""
        with authority.units.unit() as session:
            client = authenticated_client(authority, session, request)
            key = proven_key(authority, session, client, request, path=PATH) if request.proofs else None
            pushed = _acceptable(authority, client, request, key)
            name = push(authority, session, client, pushed)
        told = {"request_uri": name, "expires_in": int(PUSHED_LIFE.total_seconds())}
        return JSONResponse(told, 201, headers=NO_STORE)

    return router


def _acceptable(authority: Authority, client: Client, request: ClientRequest, key: str | None) -> Pushed:
    """Whatever `/authorize` would refuse is refused here, to the client itself. Raises OAuthRefused."""
    kept = [pair for pair in request.parameters.pairs if pair[0] not in _PROVE_THE_CLIENT]
    parameters = Parameters([("client_id", client.id), *kept])
    try:
        redirect = redirect_of(parameters, client)
    except NotTheirRedirect as refused:
        raise invalid_request("redirect_uri is not one that this client is registered for") from refused
    asked = authorization_request(parameters, redirect, fhir_base=authority.installation.fhir_base, pushed=True)
    if key is not None and asked.bound_to_key not in (None, key):
        # https://www.rfc-editor.org/rfc/rfc9449#section-10.1
        raise invalid_proof("proof-by-other-key")
    return Pushed(parameters, key)
