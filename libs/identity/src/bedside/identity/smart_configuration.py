"""What auth offers, as discovery documents say it.

https://hl7.org/fhir/smart-app-launch/conformance.html and https://www.rfc-editor.org/rfc/rfc8414
"""

from typing import Any

from bedside.identity.refusal import PROOF_ALGORITHMS

GRANT_TYPES = (
    "authorization_code",
    "refresh_token",
    "client_credentials",
    "urn:ietf:params:oauth:grant-type:token-exchange",
)
CAPABILITIES = (
    "launch-ehr",
    "launch-standalone",
    "client-public",
    "client-confidential-symmetric",
    "client-confidential-asymmetric",
    "sso-openid-connect",
    "context-banner",
    "context-style",
    "context-ehr-patient",
    "context-ehr-encounter",
    "context-standalone-patient",
    "permission-offline",
    "permission-online",
    "permission-patient",
    "permission-user",
    "permission-v1",
    "permission-v2",
    "authorize-post",
)
ASSERTION_ALGORITHMS = ("ES384", "RS384", "ES256")
"""By which clients may sign: RS384 and ES384 are SMART's, ES256 is what this installation signs with itself.

https://hl7.org/fhir/smart-app-launch/client-confidential-asymmetric.html
"""
_CONFIDENTIAL = ("client_secret_basic", "client_secret_post", "private_key_jwt")
SCOPES = (
    "openid",
    "profile",
    "fhirUser",
    "launch",
    "launch/patient",
    "launch/encounter",
    "online_access",
    "offline_access",
    "patient/*.cruds",
    "user/*.cruds",
    "system/*.cruds",
    "users.manage",
    "clients.manage",
    "keys.manage",
    "sessions.manage",
    "audit.read",
    "introspect",
)


def authorization_server(issuer: str) -> dict[str, Any]:
    """RFC 8414 metadata; the base of the other two documents. `issuer` has no trailing slash."""
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "jwks_uri": f"{issuer}/jwks",
        "registration_endpoint": f"{issuer}/register",
        "pushed_authorization_request_endpoint": f"{issuer}/par",
        "require_pushed_authorization_requests": False,
        "dpop_signing_alg_values_supported": list(PROOF_ALGORITHMS.split()),
        "revocation_endpoint": f"{issuer}/revoke",
        "introspection_endpoint": f"{issuer}/introspect",
        "userinfo_endpoint": f"{issuer}/userinfo",
        "end_session_endpoint": f"{issuer}/end_session",
        "launch_endpoint": f"{issuer}/launch",
        "scim_endpoint": f"{issuer}/scim/v2",
        "scopes_supported": list(SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(GRANT_TYPES),
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": [*_CONFIDENTIAL, "none"],
        "token_endpoint_auth_signing_alg_values_supported": list(ASSERTION_ALGORITHMS),
        "revocation_endpoint_auth_methods_supported": [*_CONFIDENTIAL, "none"],
        "revocation_endpoint_auth_signing_alg_values_supported": list(ASSERTION_ALGORITHMS),
        "introspection_endpoint_auth_methods_supported": list(_CONFIDENTIAL),
        "introspection_endpoint_auth_signing_alg_values_supported": list(ASSERTION_ALGORITHMS),
        "authorization_response_iss_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
    }


def openid_configuration(issuer: str) -> dict[str, Any]:
    """OpenID Connect Discovery 1.0."""
    return authorization_server(issuer) | {
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "name", "fhirUser", "sid"],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
    }


def smart_configuration(issuer: str) -> dict[str, Any]:
    """`{fhir}/.well-known/smart-configuration`, served by the gateway."""
    return authorization_server(issuer) | {"capabilities": list(CAPABILITIES)}
