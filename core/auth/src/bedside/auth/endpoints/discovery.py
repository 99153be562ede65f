"""What this server is and which keys it signs with."""

from typing import Any

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from bedside.auth.authority import Authority
from bedside.auth.description import described
from bedside.auth.endpoints.access import PUBLIC
from bedside.auth.launch_context import STYLE_PATH
from bedside.auth.pages import static_file
from bedside.identity.smart_configuration import authorization_server, openid_configuration, smart_configuration

_CACHED = {"Cache-Control": "public, max-age=300"}


def routes(authority: Authority) -> APIRouter:
    router = APIRouter()
    issuer = authority.installation.issuer

    @router.get("/.well-known/oauth-authorization-server", openapi_extra=PUBLIC)
    async def oauth_authorization_server() -> Response:
        return _document(authorization_server(issuer))

    @router.get("/.well-known/openid-configuration", openapi_extra=PUBLIC)
    async def openid() -> Response:
        return _document(openid_configuration(issuer))

    @router.get("/.well-known/smart-configuration", openapi_extra=PUBLIC)
    async def smart() -> Response:
        return _document(smart_configuration(issuer))

    @router.get("/jwks", openapi_extra=PUBLIC)
    def jwks() -> Response:
        return _document(authority.signer.jwks())

    @router.get("/openapi.json", openapi_extra=PUBLIC)
    async def description() -> Response:
        return _document(described(issuer))

    @router.get("/static/bedside.css", openapi_extra=PUBLIC)
    async def style() -> Response:
        return Response(static_file("bedside.css"), media_type="text/css", headers=_CACHED)

    @router.get("/static/mark.svg", openapi_extra=PUBLIC)
    async def mark() -> Response:
        return Response(static_file("mark.svg"), media_type="image/svg+xml", headers=_CACHED)

    @router.get("/static/passkey.js", openapi_extra=PUBLIC)
    def passkey_script() -> Response:
        return Response(static_file("passkey.js"), media_type="text/javascript", headers=_CACHED)

    @router.get(STYLE_PATH, openapi_extra=PUBLIC)
    async def style_for_apps() -> Response:
        """https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html#styling"""
        return Response(static_file("smart-style.json"), media_type="application/json", headers=_CACHED)

    return router


def _document(content: dict[str, Any]) -> Response:
    return JSONResponse(content, headers=_CACHED)
