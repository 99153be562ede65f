"""What an app may ask for at `/authorize`. Pure: values in, a request or a refusal out.

https://www.rfc-editor.org/rfc/rfc6749#section-4.1.1, PKCE by RFC 7636 with S256 only,
https://hl7.org/fhir/smart-app-launch/app-launch.html
"""

import re
from dataclasses import dataclass

from bedside.auth.parameters import Parameters
from bedside.auth.refusals import OAuthRefused, invalid_request, invalid_scope
from bedside.auth.tables import Client
from bedside.identity.scopes import Scopes

_CHALLENGE = re.compile(r"[A-Za-z0-9\-_]{43}")
_VALUE_MAX = 2_000
_ACR_VALUES_MAX = 10
_LOGIN_HINT_MAX = 200
_PROMPTS = frozenset({"none", "login", "consent", "select_account"})


class NotTheirRedirect(Exception):
    """There is no address that the person could safely be sent to; the sentence is for them."""


@dataclass(frozen=True)
class Redirect:
    """Where answers go: checked, so that errors may go there too."""

    client: Client
    uri: str
    state: str | None


@dataclass(frozen=True)
class AuthorizationRequest:
    scopes: Scopes
    challenge: str
    nonce: str | None
    prompts: frozenset[str]
    max_age_s: int | None
    acr_values: tuple[str, ...] = ()
    """Most wanted first."""
    launch: str | None = None
    """What an EHR gave the app to hand on."""
    login_hint: str | None = None
    """The username, as far as the app knows it."""
    id_token_hint: str | None = None
    """Of the person who has to be the one signed in."""
    bound_to_key: str | None = None
    """The thumbprint of the key that has to redeem the code. https://www.rfc-editor.org/rfc/rfc9449#section-10"""

    @property
    def demands_sign_in(self) -> bool:
        """Whether the person has to sign in now, even if they did so a moment ago."""
        return bool({"login", "select_account"} & self.prompts) or self.max_age_s == 0


def redirect_of(parameters: Parameters, client: Client | None) -> Redirect:
    """`client` is the active client that `client_id` names. Raises NotTheirRedirect."""
    if client is None or len(parameters.all("client_id")) != 1:
        raise NotTheirRedirect("The app that sent you here is not known.")
    uris = parameters.all("redirect_uri")
    # Letter by letter: every kind of likeness (case, slash, encoding, suffix) has been somebody's open door.
    if len(uris) != 1 or uris[0] not in client.redirect_uris:
        raise NotTheirRedirect(
            "The app that sent you here asked to be answered at an address it is not registered for."
        )
    states = parameters.all("state")
    return Redirect(client, uris[0], states[0] if len(states) == 1 and len(states[0]) <= _VALUE_MAX else None)


def authorization_request(
    parameters: Parameters, redirect: Redirect, *, fhir_base: str, pushed: bool = False
) -> AuthorizationRequest:
    """`pushed`: the client itself brought it. Raises OAuthRefused, to be told to the app at its redirect URI."""
    parameters.refuse_repeated()
    if redirect.client.bound_to_par and not pushed:
        raise invalid_request("this client pushes its requests first")
    if (
        any(len(value) > _VALUE_MAX * 2 for _, value in parameters.pairs)
        or len(parameters.get("state") or "") > _VALUE_MAX
    ):
        raise invalid_request("a parameter is too long")
    _check_form(parameters, redirect.client)
    scopes = Scopes.parse(parameters.get("scope") or "")
    if not scopes:
        raise invalid_scope("no scope was asked for")
    _check_audience(parameters, scopes, fhir_base)
    return AuthorizationRequest(
        scopes=scopes,
        challenge=_challenge(parameters),
        nonce=parameters.get("nonce"),
        prompts=_prompts(parameters),
        max_age_s=_max_age(parameters),
        acr_values=tuple((parameters.get("acr_values") or "").split()[:_ACR_VALUES_MAX]),
        launch=_launch(parameters, scopes),
        login_hint=(parameters.get("login_hint") or "")[:_LOGIN_HINT_MAX] or None,
        id_token_hint=parameters.get("id_token_hint"),
        bound_to_key=_key(parameters),
    )


def _check_form(parameters: Parameters, client: Client) -> None:
    for name in ("request", "request_uri", "registration"):
        if name in parameters:
            raise OAuthRefused(f"{name}_not_supported", f"{name} is not supported")
    response_type = parameters.get("response_type")
    if response_type is None:
        raise invalid_request("response_type is missing")
    if response_type != "code":
        raise OAuthRefused("unsupported_response_type", "the only response type is code")
    if parameters.get("response_mode") not in (None, "query"):
        raise invalid_request("the only response mode is query")
    if "authorization_code" not in client.grant_types:
        raise OAuthRefused("unauthorized_client", "this client is not registered for this grant")


def _challenge(parameters: Parameters) -> str:
    challenge = parameters.get("code_challenge")
    if challenge is None:
        raise invalid_request("code_challenge is missing")
    # RFC 7636 reads a missing method as plain, which we do not offer.
    if parameters.get("code_challenge_method") != "S256":
        raise invalid_request("the only code challenge method is S256")
    if not _CHALLENGE.fullmatch(challenge):
        raise invalid_request("code_challenge is no SHA-256 in base64url")
    return challenge


def _check_audience(parameters: Parameters, scopes: Scopes, fhir_base: str) -> None:
    """SMART's `aud` keeps an app from being talked into sending our token to somebody else's server."""
    named = parameters.get("aud") or parameters.get("resource")
    if named is None:
        if scopes.contexts:
            raise invalid_request("aud is missing")
    elif named.rstrip("/") != fhir_base:
        raise invalid_request("aud is not the FHIR base of this server")


def _prompts(parameters: Parameters) -> frozenset[str]:
    prompts = frozenset((parameters.get("prompt") or "").split())
    if not prompts <= _PROMPTS or ("none" in prompts and len(prompts) > 1):
        raise invalid_request("prompt is not understood")
    return prompts


def _launch(parameters: Parameters, scopes: Scopes) -> str | None:
    launch = parameters.get("launch")
    if launch is not None and "launch" not in scopes.words:
        raise invalid_request("launch is sent, and the scope launch is not asked for")
    return launch


def _key(parameters: Parameters) -> str | None:
    thumbprint = parameters.get("dpop_jkt")
    if thumbprint is not None and not _CHALLENGE.fullmatch(thumbprint):
        raise invalid_request("dpop_jkt is no SHA-256 in base64url")
    return thumbprint


def _max_age(parameters: Parameters) -> int | None:
    given = parameters.get("max_age")
    if given is None:
        return None
    if not given.isascii() or not given.isdigit() or len(given) > 9:
        raise invalid_request("max_age is no number of seconds")
    return int(given)
