"""`/register`: clients register themselves, and look after their registration.

https://www.rfc-editor.org/rfc/rfc7591 and https://www.rfc-editor.org/rfc/rfc7592
"""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bedside.auth.answers import NO_STORE, refusal, unauthorized
from bedside.auth.authority import Authority
from bedside.auth.clients import By, ClientMetadata, Registered, register_client, remove_client, update_client
from bedside.auth.clients.bounds import Bounds
from bedside.auth.clients.document import document_of, metadata_of, parsed
from bedside.auth.clients.initial_access import claim
from bedside.auth.clients.metadata import bad_metadata
from bedside.auth.endpoints.access import REGISTRATION
from bedside.auth.endpoints.registrars import Registrar, registered_client, registrar
from bedside.auth.parameters import BODY_BYTES_MAX
from bedside.auth.refusals import OAuthRefused
from bedside.auth.secrets_kept import digest, new_secret, same
from bedside.auth.tables import Client
from bedside.identity import Refused


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            raise OAuthRefused("invalid_client_metadata", "the request is too large", status=413)
    return body


def routes(authority: Authority) -> APIRouter:
    router = APIRouter()
    own = "/register/{client_id}"

    @router.post("/register", openapi_extra=REGISTRATION)
    def register(request: Request, body: Annotated[bytes, Depends(_body)]) -> Response:
        with authority.units.unit() as session:
            try:
                who = registrar(authority, session, request)
                return _registered(authority, session, who, body)
            except Refused as refused:
                return unauthorized(refused)

    @router.get(own, openapi_extra=REGISTRATION)
    def read(request: Request, client_id: str) -> Response:
        with authority.units.reading() as session:
            try:
                client = registered_client(session, client_id, request)
            except Refused as refused:
                return unauthorized(refused)
            return JSONResponse(_shown(authority, Registered(client, None)), headers=NO_STORE)

    @router.put(own, openapi_extra=REGISTRATION)
    def update(request: Request, client_id: str, body: Annotated[bytes, Depends(_body)]) -> Response:
        with authority.units.unit() as session:
            try:
                client = registered_client(session, client_id, request)
            except Refused as refused:
                return unauthorized(refused)
            return _updated(authority, session, client, body)

    @router.delete(own, openapi_extra=REGISTRATION)
    def delete(request: Request, client_id: str) -> Response:
        with authority.units.unit() as session:
            try:
                client = registered_client(session, client_id, request)
            except Refused as refused:
                return unauthorized(refused)
            remove_client(authority, session, client, by=By(client_id=client.id))
        return Response(status_code=204, headers=NO_STORE)

    return router


def _registered(authority: Authority, session: Session, who: Registrar, body: bytes) -> Response:
    """Raises identity's Refused when the token has been used up meanwhile."""
    try:
        metadata = metadata_of(parsed(body))
        metadata.check()
        if who.bounds is not None:
            who.bounds.check(metadata)
    except OAuthRefused as refused:
        who.by.record(authority, session, "client-registered", outcome="refused", reason=refused.error)
        return refusal(refused)
    # Last, so that a mistake does not cost the token; and before the client, so that it makes one only.
    if who.initial_token is not None and not claim(authority, session, who.initial_token):
        raise Refused("revoked")
    token = new_secret()
    registered = register_client(authority, session, metadata, by=who.by, registration_token=token)
    shown = _shown(authority, registered) | {"registration_access_token": token}
    return JSONResponse(shown, 201, headers=NO_STORE)


def _updated(authority: Authority, session: Session, client: Client, body: bytes) -> Response:
    by = By(client_id=client.id)
    try:
        document = parsed(body)
        _check_identity(document, client)
        metadata = _kept(metadata_of(document), client)
        metadata.check()
        Bounds.of_an_app(authority.installation.fhir_base).and_what_has(client).check(metadata)
        registered = update_client(authority, session, client, metadata, by=by)
    except OAuthRefused as refused:
        by.record(
            authority, session, "client-updated", entity=f"Client/{client.id}", outcome="refused", reason=refused.error
        )
        return refusal(refused)
    return JSONResponse(_shown(authority, registered), headers=NO_STORE)


def _check_identity(document: Any, client: Client) -> None:
    """https://www.rfc-editor.org/rfc/rfc7592#section-2.2: whoever updates says whom, and cannot choose the secret."""
    if document.get("client_id") != client.id:
        raise bad_metadata("client_id is not the one of this registration")
    secret = document.get("client_secret")
    if secret is None:
        return
    if not isinstance(secret, str) or not same(digest(secret), client.secret_hash or digest("the secret of no client")):
        raise bad_metadata("client_secret is not the one of this client")


def _kept(metadata: ClientMetadata, client: Client) -> ClientMetadata:
    """What was tied is not untied by the client itself: it may be an administrator who tied it."""
    return replace(
        metadata,
        first_party=client.first_party,
        bound_to_par=metadata.bound_to_par or client.bound_to_par,
        bound_to_dpop=metadata.bound_to_dpop or client.bound_to_dpop,
        assertion_to_issuer=metadata.assertion_to_issuer or client.assertion_to_issuer,
    )


def _shown(authority: Authority, registered: Registered) -> dict[str, Any]:
    client = registered.client
    address = {"registration_client_uri": f"{authority.installation.issuer}/register/{client.id}"}
    # 0: it does not expire. A secret is shown when it is made, and never again.
    secret = {"client_secret": registered.secret, "client_secret_expires_at": 0} if registered.secret else {}
    return document_of(client) | address | secret
