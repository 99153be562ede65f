"""The FHIR base as OpenAPI, read off its CapabilityStatement: what schemathesis makes its requests from."""

from typing import Any

# Of each kind of owner a few: the paths are the same for all, and the run is bounded.
TYPES = ("Patient", "Organization", "Encounter", "Observation", "Binary", "List")
_FHIR = "application/fhir+json"
_ANY_ANSWER: dict[str, Any] = {"default": {"description": "an answer"}}
_RESOURCE = {
    "type": "object",
    "required": ["resourceType"],
    "properties": {
        "resourceType": {"type": "string"},
        "id": {"type": "string"},
        "identifier": {"type": "array", "items": {"type": "object"}},
        "status": {"type": "string"},
        "subject": {"type": "object", "properties": {"reference": {"type": "string"}}},
    },
}


def openapi(statement: dict[str, Any]) -> dict[str, Any]:
    rest = statement["rest"][0]
    paths: dict[str, Any] = {"/": {"get": _search(rest.get("searchParam", [])), "post": _sent(_RESOURCE)}}
    paths["/_history"] = {"get": _asked(_query("_count", "_since", "_at"))}
    for resource in rest["resource"]:
        if resource["type"] in TYPES:
            paths |= _of_type(resource)
    return {"openapi": "3.1.0", "info": {"title": "FHIR", "version": "4.0.1"}, "paths": paths}


def _of_type(resource: dict[str, Any]) -> dict[str, Any]:
    name = resource["type"]
    instance = {"parameters": [_path("id")]}
    patch = {"application/json-patch+json": {"type": "array", "items": {"type": "object"}}, _FHIR: _RESOURCE}
    paths = {
        f"/{name}": {"get": _search(resource["searchParam"]), "post": _sent(_RESOURCE), "put": _sent(_RESOURCE)},
        f"/{name}/_search": {"post": _sent({"type": "object"}, "application/x-www-form-urlencoded")},
        f"/{name}/_history": {"get": _asked(_query("_count", "_since", "_at"))},
        f"/{name}/{{id}}": instance
        | {
            "get": _asked([*_query("_format", "_summary", "_elements", "_pretty"), *_headers("If-None-Match")]),
            "put": _sent(_RESOURCE),
            "patch": {**_sent(_RESOURCE), "requestBody": {"content": {k: {"schema": v} for k, v in patch.items()}}},
            "delete": _asked([*_query("_cascade"), *_headers("If-Match")]),
        },
        f"/{name}/{{id}}/_history": instance | {"get": _asked(_query("_count", "_since", "_at"))},
        f"/{name}/{{id}}/_history/{{version}}": {"parameters": [_path("id"), _path("version")], "get": _asked([])},
    }
    for operation in resource.get("operation", []):
        paths[f"/{name}/${operation['name']}"] = {"get": _asked([]), "post": _sent(_RESOURCE)}
        paths[f"/{name}/{{id}}/${operation['name']}"] = instance | {"get": _asked([]), "post": _sent(_RESOURCE)}
    return paths


def _search(parameters: list[dict[str, Any]]) -> dict[str, Any]:
    return _asked(_query(*(each["name"] for each in parameters), "_sort", "_include", "_count", "_total"))


def _asked(parameters: list[dict[str, Any]]) -> dict[str, Any]:
    return {"parameters": parameters, "responses": _ANY_ANSWER}


def _sent(schema: dict[str, Any], media_type: str = _FHIR) -> dict[str, Any]:
    body = {"required": True, "content": {media_type: {"schema": schema}}}
    return {**_asked(_headers("If-Match", "If-None-Match", "If-None-Exist", "Prefer")), "requestBody": body}


def _query(*names: str) -> list[dict[str, Any]]:
    return [{"name": name, "in": "query", "schema": {"type": "string"}} for name in dict.fromkeys(names)]


def _headers(*names: str) -> list[dict[str, Any]]:
    return [{"name": name, "in": "header", "schema": {"type": "string"}} for name in names]


def _path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
