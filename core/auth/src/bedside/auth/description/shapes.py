"""The bodies that auth answers and is sent, as JSON Schema. What is answered has no member beside those named here."""

from typing import Any

from bedside.auth.clients.metadata import AUTH_METHODS, GRANT_TYPES, LINKS

TEXT: dict[str, Any] = {"type": "string"}
TEXTS: dict[str, Any] = {"type": "array", "items": TEXT}
FLAG: dict[str, Any] = {"type": "boolean"}
SECONDS: dict[str, Any] = {"type": "integer", "minimum": 0, "description": "seconds"}
INSTANT: dict[str, Any] = {"type": "string", "format": "date-time"}
ANYTHING: dict[str, Any] = {"type": "object"}


def _closed(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


_CONTEXT = {
    "patient": TEXT,
    "encounter": TEXT,
    "fhirContext": {"type": "array", "items": ANYTHING},
    "intent": TEXT,
    "need_patient_banner": FLAG,
    "smart_style_url": TEXT,
}
_REGISTERED = {
    "client_name": TEXT,
    "token_endpoint_auth_method": {"enum": list(AUTH_METHODS)},
    "grant_types": {"type": "array", "items": {"enum": list(GRANT_TYPES)}},
    "response_types": {"type": "array", "items": {"enum": ["code"]}},
    "redirect_uris": TEXTS,
    "post_logout_redirect_uris": TEXTS,
    "scope": TEXT,
    "audiences": TEXTS | {"description": "the FHIR base, or services, that its tokens are for"},
    "exchange_audiences": TEXTS | {"description": "services that it may exchange tokens for"},
    "require_pushed_authorization_requests": FLAG,
    "dpop_bound_access_tokens": FLAG,
    "assertion_to_issuer": FLAG | {"description": "its assertions name the issuer as `aud`, not the token endpoint"},
}
_KEYS_AND_LINKS = {"jwks": ANYTHING, "jwks_uri": TEXT, **dict.fromkeys(LINKS, TEXT)}

SHAPES: dict[str, Any] = {
    "OAuthError": _closed({"error": TEXT, "error_description": TEXT}),
    "BearerError": _closed({"error": TEXT}),
    "Away": {
        "anyOf": [
            _closed({"error": {"const": "temporarily_unavailable"}, "error_description": TEXT}),
            {"$ref": "#/components/schemas/Problem"},
        ]
    },
    "Problem": {
        "type": "object",
        "properties": {"type": TEXT, "title": TEXT, "status": {"type": "integer"}, "detail": TEXT},
        "required": ["type", "title", "status", "detail"],
        "description": "RFC 9457; `max_age` and `acr_values` beside, where the sign-in has to be renewed (RFC 9470)",
    },
    "Tokens": _closed(
        {
            "access_token": TEXT,
            "token_type": {"enum": ["Bearer", "DPoP"]},
            "expires_in": SECONDS,
            "scope": TEXT,
        },
        {"refresh_token": TEXT, "id_token": TEXT, "issued_token_type": TEXT, **_CONTEXT},
    ),
    "Pushed": _closed({"request_uri": TEXT, "expires_in": SECONDS}),
    "Introspection": {
        "oneOf": [
            _closed({"active": {"const": False}}),
            _closed(
                {
                    "active": {"const": True},
                    "token_type": {"enum": ["Bearer", "DPoP"]},
                    "iss": TEXT,
                    "sub": TEXT,
                    "aud": {"anyOf": [TEXT, TEXTS]},
                    "client_id": TEXT,
                    "scope": TEXT,
                    "exp": {"type": "integer"},
                    "iat": {"type": "integer"},
                    "jti": TEXT,
                },
                {"patient": TEXT, "encounter": TEXT, "fhirUser": TEXT, "cnf": ANYTHING},
            ),
        ]
    },
    "Person": _closed({"sub": TEXT}, {"name": TEXT, "preferred_username": TEXT, "fhirUser": TEXT, "profile": TEXT}),
    "Registration": {
        "type": "object",
        "properties": {**_REGISTERED, **_KEYS_AND_LINKS},
        "required": ["client_name"],
        "description": "RFC 7591; members that are not known are passed over",
    },
    "Registered": _closed(
        {"client_id": TEXT, "registration_client_uri": TEXT, **_REGISTERED},
        {
            "client_id_issued_at": {"type": "integer"},
            "client_secret": TEXT,
            "client_secret_expires_at": {"const": 0},
            "registration_access_token": TEXT,
            **_KEYS_AND_LINKS,
        },
    ),
    "Launch": _closed(
        {"client_id": TEXT},
        {name: _CONTEXT[name] for name in ("patient", "encounter", "intent", "need_patient_banner", "fhirContext")},
    ),
    "Launched": _closed({"launch": TEXT, "expires_in": SECONDS}),
    "BrokenGlass": _closed(
        {"patient": TEXT, "reason": {"enum": ["emergency", "patient-asked", "other"]}, "note": TEXT}
    ),
    "EmergencyAccess": _closed(
        {
            "id": TEXT,
            "patient": TEXT,
            "reason": {"enum": ["emergency", "patient-asked", "other"]},
            "began_at": INSTANT,
            "until": INSTANT,
            "ended_at": {"anyOf": [INSTANT, {"type": "null"}]},
        }
    ),
    "Revocations": _closed(
        {
            "epoch": {"type": "integer"},
            "position": {"type": "integer"},
            "now": INSTANT,
            "kids": TEXTS,
            "revocations": {
                "type": "array",
                "items": _closed({"kind": TEXT, "value": TEXT, "issued_before": INSTANT, "until": INSTANT}),
            },
        }
    ),
    "Accesses": {"type": "string", "description": "lines of JSON, one `access.recorded` each"},
    "Taken": _closed({"taken": {"type": "integer"}, "unreadable": {"type": "integer"}}),
    "Keys": _closed({"keys": {"type": "array", "items": ANYTHING}}),
    "Metadata": {
        "type": "object",
        "properties": {"issuer": TEXT, "authorization_endpoint": TEXT, "token_endpoint": TEXT, "jwks_uri": TEXT},
        "required": ["issuer", "authorization_endpoint", "token_endpoint", "jwks_uri"],
    },
    "Description": {"type": "object", "required": ["openapi", "info", "paths"]},
    "Resource": {"type": "object", "properties": {"resourceType": TEXT}, "required": ["resourceType"]},
    "Outcome": {"type": "object", "properties": {"resourceType": {"const": "OperationOutcome"}}, "required": ["issue"]},
    "Scim": {"type": "object", "properties": {"schemas": TEXTS}, "required": ["schemas"]},
}
