"""`/introspect`: whether a token is good right now. https://www.rfc-editor.org/rfc/rfc7662"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from sqlmodel import Session
from starlette.responses import JSONResponse, Response

from bedside.auth.access_log import Happening, record
from bedside.auth.answers import NO_STORE
from bedside.auth.authority import Authority
from bedside.auth.bearers import verified
from bedside.auth.endpoints.access import CLIENT
from bedside.auth.protocol import ClientRequest, authenticated_client, client_request
from bedside.auth.refusals import invalid_client, invalid_request
from bedside.auth.tables import Client
from bedside.identity import Refused

_TOLD = ("iss", "aud", "sub", "client_id", "scope", "exp", "iat", "jti", "patient", "encounter", "fhirUser", "cnf")


def routes(authority: Authority) -> APIRouter:
    router = APIRouter()

    @router.post("/introspect", openapi_extra=CLIENT)
    def introspect(request: Annotated[ClientRequest, Depends(client_request)]) -> Response:
        """For clients that hold `introspect`; a token for an audience that is not theirs is inactive to them."""
        with authority.units.unit() as session:
            client = authenticated_client(authority, session, request)
            if client.public or "introspect" not in client.scope.split():
                record(authority, session, Happening("introspection-refused", "refused", client_id=client.id))
                raise invalid_client()
            token = request.parameters.get("token")
            if token is None:
                raise invalid_request("token is missing")
            return JSONResponse(_told(authority, session, client, token), headers=NO_STORE)

    return router


def _told(authority: Authority, session: Session, client: Client, token: str) -> dict[str, Any]:
    try:
        known = verified(authority, session, token, audiences=client.audiences)
    except Refused:
        return {"active": False}
    told = {name: known.claims[name] for name in _TOLD if name in known.claims}
    if "fhirUser" in told:
        # An absolute address, as in the ID token: those who compare the two compare letter by letter.
        told["fhirUser"] = f"{authority.installation.fhir_base}/{told['fhirUser']}"
    return {"active": True, "token_type": "DPoP" if "cnf" in told else "Bearer", **told}
