"""A caller's token for one that a single service accepts. https://www.rfc-editor.org/rfc/rfc8693"""

from typing import Any

from bedside.auth.bearers import verified
from bedside.auth.glass import told_to_services
from bedside.auth.grants.grant import Asked
from bedside.auth.minting import access_token
from bedside.auth.refusals import OAuthRefused, invalid_grant, invalid_request, invalid_scope, invalid_target
from bedside.identity import Refused, Verified
from bedside.identity.emergency import emergency_claims
from bedside.identity.exchange import ACCESS_TOKEN, GRANT_TYPE
from bedside.identity.possession import key_bound_to
from bedside.identity.scopes import Scopes

__all__ = ["GRANT_TYPE", "token_exchange"]

ACTORS_MAX = 2
_CARRIED = (
    "roles",
    "label_rights",
    "fhirUser",
    "name",
    "patient",
    "encounter",
    "fhirContext",
    "auth_time",
    "acr",
    "amr",
)


def token_exchange(asked: Asked) -> dict[str, Any]:
    """Scopes and life are at most the subject's; `act` tells who asked, and for whom they acted."""
    if asked.client.public:
        raise OAuthRefused("unauthorized_client", "a public client cannot exchange tokens")
    audience = _audience(asked)
    subject = _subject(asked)
    glasses = told_to_services(asked.session, subject, now=asked.authority.clock.now())
    token = access_token(
        asked.authority,
        subject=subject.subject,
        # The app stays the client: disabling it ends what was exchanged for it too. Who exchanged is the actor.
        client_id=subject.client_id,
        audience=audience,
        scopes=_scopes(asked, subject),
        session_id=subject.session_id,
        # What speaks of emergency access is over with the first of them.
        ends_by=min([subject.expires_at, *(glass.until for glass in glasses)]),
        key=asked.key,
        claims={name: subject.claims.get(name) for name in _CARRIED}
        | emergency_claims(glasses)
        | {"act": _act(asked, subject)},
    )
    return token.answer() | {"issued_token_type": ACCESS_TOKEN}


def _audience(asked: Asked) -> str:
    named = asked.parameters.get("audience") or asked.parameters.get("resource")
    if named is None:
        raise invalid_request("audience is missing")
    if named.rstrip("/") not in asked.client.exchange_audiences:
        raise invalid_target("this client may not exchange for that audience")
    return named.rstrip("/")


def _subject(asked: Asked) -> Verified:
    if asked.required("subject_token_type") != ACCESS_TOKEN:
        raise invalid_request("only access tokens are exchanged")
    if asked.parameters.get("requested_token_type") not in (None, ACCESS_TOKEN):
        raise invalid_request("only access tokens are issued")
    if "actor_token" in asked.parameters:
        raise invalid_request("the actor is the authenticated client; actor_token is not used")
    installation = asked.authority.installation
    audiences = {installation.fhir_base, installation.addresses.get(asked.client.id, installation.fhir_base)}
    try:
        subject = verified(asked.authority, asked.session, asked.required("subject_token"), audiences=audiences)
    except Refused as refused:
        raise invalid_grant("the subject token is not accepted") from refused
    # A service has seen the proof at its own door, which nobody else can say.
    if not asked.client.service and key_bound_to(subject.claims) not in (None, asked.key):
        raise invalid_grant("the subject token is bound to another key")
    # Within the clocks' tolerance a token may still be accepted somewhere, but there is no life left to pass on.
    if subject.expires_at <= asked.authority.clock.now():
        raise invalid_grant("the subject token has expired")
    return subject


def _scopes(asked: Asked, subject: Verified) -> Scopes:
    requested = asked.parameters.get("scope")
    if requested is None:
        return subject.scopes
    scopes = Scopes.parse(requested)
    if not subject.scopes.covers(scopes):
        raise invalid_scope("more was asked for than the subject token holds")
    return scopes


def _act(asked: Asked, subject: Verified) -> dict[str, Any]:
    before = subject.claims.get("act")
    depth, link = 1, before
    while isinstance(link, dict):
        depth, link = depth + 1, link.get("act")
    if depth > ACTORS_MAX:
        raise invalid_request("the chain of actors is too long")
    return {"sub": asked.client.id} | ({"act": before} if before else {})
