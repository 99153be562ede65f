"""Where a SMART app learns how to sign in: beside the FHIR base, in the words of the authorization server.

https://hl7.org/fhir/smart-app-launch/conformance.html
"""

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from bedside.identity import smart_configuration

_OAUTH_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
_SECURITY_SERVICE = "http://terminology.hl7.org/CodeSystem/restful-security-service"


class Discovery:
    def __init__(self, issuer: str) -> None:
        self._told = orjson.dumps(smart_configuration(issuer))

    async def show(self, request: Request) -> Response:
        return Response(self._told, media_type="application/json", headers={"Cache-Control": "max-age=300"})


def security(issuer: str) -> dict[str, Any]:
    """The same for readers of `metadata`: `CapabilityStatement.rest.security`."""
    told = smart_configuration(issuer)
    names = ("authorize", "token", "revoke", "introspect")
    keys = ("authorization_endpoint", "token_endpoint", "revocation_endpoint", "introspection_endpoint")
    uris = [{"url": name, "valueUri": told[key]} for name, key in zip(names, keys, strict=True) if key in told]
    return {
        "extension": [{"url": _OAUTH_URIS, "extension": uris}],
        "cors": True,
        "service": [{"coding": [{"system": _SECURITY_SERVICE, "code": "SMART-on-FHIR"}]}],
    }
