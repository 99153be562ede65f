"""Emergency access, the access log, the directory, and what services tell one another, described."""

from typing import Any

from bedside.auth.description.parts import (
    BAD_TOKEN,
    BEARER,
    TOO_LITTLE,
    document,
    either,
    empty,
    form,
    in_path,
    operation,
    problem,
    query,
    says,
)

_FHIR = "application/fhir+json"
_SCIM = "application/scim+json"
_LOG = {
    "patient": "`Patient/id`, or the id",
    "agent": "who it was",
    "date": "with a prefix such as `ge`",
    "outcome": "of the action",
    "purpose": "of use",
    "_count": "rows of a page",
}
_BY_WHOM = either("The token is missing, old or ended", BAD_TOKEN, problem("The sign-in has to be renewed"))
_SEARCHED = {
    200: says("A searchset", "Resource", _FHIR),
    400: says("A parameter is not understood", "Outcome", _FHIR),
    401: says("The token is refused", "Outcome", _FHIR),
    403: says("The log is not this caller's to read", "Outcome", _FHIR),
}


def _kept(summary: str, done: dict[int, str], *, body: bool = False) -> dict[str, Any]:
    answers = {
        **{status: says(text, "Scim", _SCIM) if status != 204 else empty(text) for status, text in done.items()},
        **{
            each: says(what, "Scim", _SCIM)
            for each, what in (
                (400, "Not understood, or not allowed as it is: `scimType` says why"),
                (401, "The token is refused"),
                (403, "Not this caller's to do"),
                (404, "There is none"),
                (405, "Not done here"),
                (409, "The name is taken, or the last administrator stays"),
                (412, "It has changed: `If-Match` names an older version"),
                (413, "More than is taken at once"),
                (501, "Not offered"),
            )
        },
    }
    more = {"requestBody": document("Scim", _SCIM)} if body else {}
    return operation(summary, answers, **more, **BEARER)


RECORDS: dict[str, Any] = {
    "/glass": {
        "post": operation(
            "Break the glass: half an hour of access to one patient, reviewed afterwards",
            {
                201: says("It begins", "EmergencyAccess"),
                200: says("It stands already", "EmergencyAccess"),
                400: problem("The body is not understood"),
                401: _BY_WHOM,
                403: either("Not this person's role, or not this app", TOO_LITTLE, problem("")),
                409: problem("Too many stand open"),
                413: problem("The body is larger than 8 KiB"),
            },
            requestBody=document("BrokenGlass"),
            **BEARER,
        )
    },
    "/glass/{glass_id}/end": {
        "parameters": in_path("glass_id"),
        "post": operation(
            "End it before its time",
            {
                200: says("It has ended", "EmergencyAccess"),
                401: _BY_WHOM,
                403: either("Not this person's role, or not this app", TOO_LITTLE, problem("")),
                404: problem("There is none of this person"),
            },
            **BEARER,
        ),
    },
    "/fhir/AuditEvent": {
        "get": operation("Search the access log", _SEARCHED, parameters=query(_LOG), **BEARER),
    },
    "/fhir/AuditEvent/_search": {
        "post": operation(
            "The same, as a form",
            {**_SEARCHED, 415: says("No form, or too large", "Outcome", _FHIR)},
            requestBody=form(_LOG),
            **BEARER,
        ),
    },
    "/fhir/AuditEvent/{id}": {
        "parameters": in_path("id"),
        "get": operation(
            "Read one row of it",
            {**_SEARCHED, 200: says("The row", "Resource", _FHIR), 404: says("There is none", "Outcome", _FHIR)},
            **BEARER,
        ),
    },
    "/fhir/metadata": {"get": operation("Its capabilities", {200: says("CapabilityStatement", "Resource", _FHIR)})},
    "/scim/v2/ServiceProviderConfig": {
        "get": operation("What of SCIM is offered (RFC 7643)", {200: says("The configuration", "Scim", _SCIM)})
    },
    "/scim/v2": {
        "get": _kept("Search users and groups", {200: "Found"}),
        **{method: _kept("Not offered", {}) for method in ("post", "put", "patch", "delete")},
    },
    "/scim/v2/{path}": {
        "parameters": in_path("path"),
        "description": "`Users`, `Users/{id}`, `Groups`, `Groups/{id}`, `Bulk`, `.search`, `Schemas`, `ResourceTypes`",
        "get": _kept("Read or search", {200: "Found"}),
        "post": _kept(
            "Create, search, or several at once", {200: "Found, or done one by one", 201: "Created"}, body=True
        ),
        "put": _kept("Replace", {200: "Replaced"}, body=True),
        "patch": _kept("Change a part", {200: "Changed", 204: "Changed, and nothing to show"}, body=True),
        "delete": _kept("Take away; a user is deactivated", {204: "Taken away"}),
    },
    "/internal/revocations": {
        "get": operation(
            "What services must refuse",
            {200: says("All of it", "Revocations"), 401: BAD_TOKEN, 403: TOO_LITTLE},
            **BEARER,
        )
    },
    "/internal/accesses": {
        "post": operation(
            "Services tell who asked them for what",
            {
                200: says("How many rows were taken", "Taken"),
                401: BAD_TOKEN,
                403: TOO_LITTLE,
                413: says("Too many at once", "BearerError"),
            },
            requestBody=document("Accesses", "application/x-ndjson"),
            **BEARER,
        )
    },
}
