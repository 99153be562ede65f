"""The pieces of which the description of an operation is put together."""

from collections.abc import Mapping
from typing import Any

PROVES_CLIENT: dict[str, Any] = {
    "security": [{"client_secret": []}, {}],
}
"""By the method the client is registered with: HTTP Basic, or the members of the form that `CLIENT_PROOF` names."""
BEARER: dict[str, Any] = {"security": [{"bearer": []}]}

CLIENT_PROOF = {
    "client_id": "of a public client, or of one that sends its secret or assertion in the form",
    "client_secret": "client_secret_post",
    "client_assertion": "private_key_jwt: a JWT signed by ES384, RS384 or ES256",
    "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
}


def shape(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def query(parameters: Mapping[str, str], required: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "query", "description": text, "required": name in required, "schema": {"type": "string"}}
        for name, text in parameters.items()
    ]


def in_path(name: str) -> list[dict[str, Any]]:
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}}]


def form(members: Mapping[str, str], required: tuple[str, ...] = ()) -> dict[str, Any]:
    """A body of `application/x-www-form-urlencoded`; nothing may be said twice but where the text says so."""
    properties = {name: {"type": "string", "description": text} for name, text in members.items()}
    content: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        content["required"] = list(required)
    return {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": content}}}


def document(name: str, media_type: str = "application/json") -> dict[str, Any]:
    return {"required": True, "content": {media_type: {"schema": shape(name)}}}


def says(text: str, name: str, media_type: str = "application/json") -> dict[str, Any]:
    """An answer with a body of that shape."""
    return {"description": text, "content": {media_type: {"schema": shape(name)}}}


def empty(text: str) -> dict[str, Any]:
    return {"description": text}


def page(text: str) -> dict[str, Any]:
    return {"description": text, "content": {"text/html": {"schema": {"type": "string"}}}}


def either(text: str, *answers: dict[str, Any]) -> dict[str, Any]:
    """Of one status, for several reasons."""
    content: dict[str, Any] = {}
    for answer in answers:
        for media_type, body in answer.get("content", {}).items():
            known = content.get(media_type)
            content[media_type] = {"schema": {"anyOf": [known["schema"], body["schema"]]}} if known else body
    return {"description": text, "content": content}


def operation(summary: str, answers: Mapping[int, dict[str, Any]], **more: Any) -> dict[str, Any]:
    """503 is said everywhere: the database may be away."""
    away = {503: says("The database or a record is away for a moment; `Retry-After` says for how long.", "Away")}
    return {
        "summary": summary,
        **more,
        "responses": {str(status): said for status, said in {**away, **answers}.items()},
    }


REFUSED = says("`error` says what is wrong, `error_description` in words, for the developer.", "OAuthError")
UNKNOWN_CLIENT = says("`invalid_client`: the client did not prove who it is.", "OAuthError")
TOO_LARGE = says("The request is too large.", "OAuthError")
BAD_TOKEN = says("`invalid_token`: missing, old, ended, or not for here.", "BearerError")
TOO_LITTLE = says("`insufficient_scope`", "BearerError")


def problem(text: str) -> dict[str, Any]:
    return says(text, "Problem", "application/problem+json")
