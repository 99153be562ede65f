"""`/revoke`: a client gives a token back. https://www.rfc-editor.org/rfc/rfc7009"""

from typing import Annotated

from fastapi import APIRouter, Depends
from sqlmodel import Session
from starlette.responses import Response

from bedside.auth.access_log import Happening, record
from bedside.auth.answers import NO_STORE
from bedside.auth.authority import Authority
from bedside.auth.bearers import verified
from bedside.auth.endpoints.access import CLIENT
from bedside.auth.protocol import ClientRequest, authenticated_client, client_request
from bedside.auth.refusals import invalid_request
from bedside.auth.revocation import end_families, end_token
from bedside.auth.secrets_kept import digest
from bedside.auth.tables import Client, GrantFamily, RefreshToken
from bedside.identity import Refused


def routes(authority: Authority) -> APIRouter:
    router = APIRouter()

    @router.post("/revoke", openapi_extra=CLIENT)
    def revoke(request: Annotated[ClientRequest, Depends(client_request)]) -> Response:
        """A token that is unknown, or another client's, is answered alike and left alone."""
        with authority.units.unit() as session:
            client = authenticated_client(authority, session, request)
            token = request.parameters.get("token")
            if token is None:
                raise invalid_request("token is missing")
            if not _revoked_refresh_token(authority, session, client, token):
                _revoke_access_token(authority, session, client, token)
        return Response(status_code=200, headers=NO_STORE)

    return router


def _revoked_refresh_token(authority: Authority, session: Session, client: Client, token: str) -> bool:
    known = session.get(RefreshToken, digest(token))
    family = session.get(GrantFamily, known.family) if known is not None else None
    if family is None:
        return False
    if family.client_id == client.id:
        end_families(authority, session, [family])
        _record(authority, session, client, user_id=family.user_id, entity=f"Session/{family.id}")
    return True


def _revoke_access_token(authority: Authority, session: Session, client: Client, token: str) -> None:
    audiences = {authority.installation.fhir_base, *authority.installation.addresses.values()}
    try:
        known = verified(authority, session, token, audiences=audiences)
    except Refused:
        return
    if known.client_id == client.id:
        end_token(authority, session, known.token_id)
        user_id = known.subject if known.subject != known.client_id else None
        _record(authority, session, client, user_id=user_id, entity=f"Token/{known.token_id}")


def _record(authority: Authority, session: Session, client: Client, *, user_id: str | None, entity: str) -> None:
    record(authority, session, Happening("token-revoked", user_id=user_id, client_id=client.id, entity=entity))
