"""What an operation answers."""

from typing import Any

from starlette.responses import Response

from bedside.fhir import exact_json
from bedside.fhir.rest.exchange import Exchange


def answered(exchange: Exchange, resource: dict[str, Any] | bytes, status: int = 200) -> Response:
    """A resource, as the client wants to see it. Bytes are sent as they are."""
    body = resource if isinstance(resource, bytes) else exact_json.emit(resource)
    return Response(exchange.wanted.body(body), status, media_type=exchange.wanted.media_type)


def parameters(**given: dict[str, Any]) -> dict[str, Any]:
    """A Parameters resource: each argument is the value part of the parameter of that name, as `{"valueMeta": …}`."""
    return {
        "resourceType": "Parameters",
        "parameter": [{"name": name.replace("_", "-"), **part} for name, part in given.items()],
    }
