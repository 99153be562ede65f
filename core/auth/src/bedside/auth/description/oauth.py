"""OAuth 2.0 and OpenID Connect, described."""

from typing import Any

from bedside.auth.description.parts import (
    BAD_TOKEN,
    BEARER,
    CLIENT_PROOF,
    PROVES_CLIENT,
    REFUSED,
    TOO_LARGE,
    TOO_LITTLE,
    UNKNOWN_CLIENT,
    either,
    empty,
    form,
    operation,
    page,
    query,
    says,
)

AUTHORIZE = {
    "response_type": "`code`",
    "response_mode": "`query`, if any",
    "client_id": "of the app",
    "redirect_uri": "letter by letter one of the registered",
    "scope": "what is asked for, with spaces between; it is narrowed to what can be granted",
    "state": "comes back unchanged; at most 2,000 characters",
    "nonce": "comes back in the ID token",
    "aud": "the FHIR base; required where scopes speak of records. `resource` means the same",
    "resource": "RFC 8707; see `aud`",
    "code_challenge": "base64url of the SHA-256 of the verifier",
    "code_challenge_method": "`S256`",
    "launch": "what an EHR gave the app; with the scope `launch`",
    "prompt": "`none`, or of `login`, `consent`, `select_account`",
    "max_age": "seconds; an older sign-in is renewed",
    "acr_values": "levels of sign-in, the most wanted first",
    "login_hint": "the username, to be typed no second time",
    "id_token_hint": "an ID token of this app: nobody else is answered for",
    "dpop_jkt": "the thumbprint of the key that has to redeem the code (RFC 9449)",
    "request_uri": "the answer of `/par`; then only `client_id` goes with it",
}
_CODE_NEEDS = ("response_type", "client_id", "redirect_uri", "scope", "code_challenge", "code_challenge_method")
_SENT_ON = empty(
    "To the next page, or back to the app with `code` or `error` and `error_description`, and with `state` and `iss`"
)
_NOT_THEIRS = page("The app, its redirect URI or its pushed request is not known: the person is told, nobody else")
_TOKEN = {
    "grant_type": "authorization_code, refresh_token, client_credentials or"
    " urn:ietf:params:oauth:grant-type:token-exchange",
    "code": "authorization_code",
    "redirect_uri": "authorization_code: as at `/authorize`",
    "code_verifier": "authorization_code: whose SHA-256 the challenge was",
    "refresh_token": "refresh_token; it is good once",
    "scope": "the same or less; of client_credentials what is asked for",
    "audience": "token exchange: the address of a service",
    "resource": "the same as `audience`; of client_credentials which of the client's audiences",
    "subject_token": "token exchange: the access token",
    "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
    "requested_token_type": "urn:ietf:params:oauth:token-type:access_token, if any",
    "actor_token": "token exchange: not supported, refused",
    **CLIENT_PROOF,
}
_DPOP = [
    {
        "name": "DPoP",
        "in": "header",
        "required": False,
        "description": "a proof by RFC 9449: what is given is then bound to its key",
        "schema": {"type": "string"},
    }
]
_LOOK_UP = {"token": "an access or refresh token", "token_type_hint": "passed over", **CLIENT_PROOF}
_SIGN_OUT = {
    "id_token_hint": "an ID token of the app that asks",
    "post_logout_redirect_uri": "one of the registered, to come back to",
    "state": "comes back unchanged",
}
_WHO = {200: says("Who signed in, as far as the scopes let the app know", "Person"), 401: BAD_TOKEN, 403: TOO_LITTLE}
_BACK_OR_BYE: dict[int, Any] = {200: page("A question, or that it is done"), 303: empty("Back to the app")}


OAUTH: dict[str, Any] = {
    "/authorize": {
        "get": operation(
            "Ask a person, in a browser, to let an app act for them",
            {303: _SENT_ON, 400: _NOT_THEIRS},
            parameters=query(AUTHORIZE),
        ),
        "post": operation(
            "The same, as a form",
            {303: _SENT_ON, 400: either("Not theirs, or no form", _NOT_THEIRS, REFUSED), 413: TOO_LARGE},
            requestBody=form(AUTHORIZE, ("client_id",)),
        ),
    },
    "/par": {
        "post": operation(
            "Push an authorization request (RFC 9126)",
            {
                201: says("Good for 60 seconds, once", "Pushed"),
                400: REFUSED,
                401: UNKNOWN_CLIENT,
                413: TOO_LARGE,
            },
            parameters=_DPOP,
            requestBody=form(
                {name: text for name, text in AUTHORIZE.items() if name != "request_uri"} | CLIENT_PROOF,
                tuple(name for name in _CODE_NEEDS if name != "client_id"),
            ),
            **PROVES_CLIENT,
        )
    },
    "/token": {
        "post": operation(
            "Tokens for a grant",
            {200: says("Tokens, and the launch context", "Tokens"), 400: REFUSED, 401: UNKNOWN_CLIENT, 413: TOO_LARGE},
            parameters=_DPOP,
            requestBody=form(_TOKEN, ("grant_type",)),
            **PROVES_CLIENT,
        )
    },
    "/revoke": {
        "post": operation(
            "Give a token back (RFC 7009)",
            {
                200: empty("It is good no more; another's or an unknown one is answered alike"),
                400: REFUSED,
                401: UNKNOWN_CLIENT,
                413: TOO_LARGE,
            },
            requestBody=form(_LOOK_UP, ("token",)),
            **PROVES_CLIENT,
        )
    },
    "/introspect": {
        "post": operation(
            "Whether a token is good right now (RFC 7662), for clients that hold `introspect`",
            {200: says("What it says", "Introspection"), 400: REFUSED, 401: UNKNOWN_CLIENT, 413: TOO_LARGE},
            requestBody=form(_LOOK_UP, ("token",)),
            **PROVES_CLIENT,
        )
    },
    "/userinfo": {
        "get": operation("Who signed in", _WHO, **BEARER),
        "post": operation("The same", _WHO, **BEARER),
    },
    "/end_session": {
        "get": operation("Sign out", {**_BACK_OR_BYE, 400: page("It cannot be read")}, parameters=query(_SIGN_OUT)),
        "post": operation(
            "The same, as a form",
            {**_BACK_OR_BYE, 400: REFUSED, 403: page("The form is not one of ours"), 413: TOO_LARGE},
            requestBody=form(_SIGN_OUT | {"csrf": "of our own page"}),
        ),
    },
    "/jwks": {"get": operation("The keys that sign", {200: says("RFC 7517", "Keys")})},
    **{
        f"/.well-known/{name}": {"get": operation(f"What this server offers: {text}", {200: says(text, "Metadata")})}
        for name, text in (
            ("oauth-authorization-server", "RFC 8414"),
            ("openid-configuration", "OpenID Connect Discovery"),
            ("smart-configuration", "SMART App Launch"),
        )
    },
    "/openapi.json": {"get": operation("This description", {200: says("OpenAPI 3.1", "Description")})},
}
