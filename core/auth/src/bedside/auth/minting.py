"""Tokens, from what was decided to what is signed.

Access tokens: https://www.rfc-editor.org/rfc/rfc9068. ID tokens: OpenID Connect Core 1.0, section 2.
"""

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bedside.auth.authority import Authority
from bedside.auth.launch_context import LaunchContext
from bedside.auth.tables import GrantFamily, User
from bedside.identity.acr import level_of, methods_told
from bedside.identity.scopes import Scopes

TOKEN_LIFE = timedelta(minutes=5)


@dataclass(frozen=True)
class AccessToken:
    compact: str
    life_s: int
    scopes: Scopes
    bound: bool = False

    def answer(self) -> dict[str, Any]:
        """The members every token response has."""
        return {
            "access_token": self.compact,
            "token_type": "DPoP" if self.bound else "Bearer",
            "expires_in": self.life_s,
            "scope": str(self.scopes),
        }


def access_token(
    authority: Authority,
    *,
    subject: str,
    client_id: str,
    audience: str,
    scopes: Scopes,
    session_id: str | None = None,
    ends_by: datetime | None = None,
    key: str | None = None,
    claims: Mapping[str, Any] | None = None,
) -> AccessToken:
    """Claims that are None are left out. `ends_by` may shorten the token's life, never lengthen it.

    `key` is the thumbprint of the key whose holder alone may use it.
    """
    now = authority.clock.now().replace(microsecond=0)
    expires_at = min(now + TOKEN_LIFE, ends_by) if ends_by else now + TOKEN_LIFE
    token_id = str(uuid.uuid4())
    payload = {
        "iss": authority.installation.issuer,
        "aud": audience,
        "sub": subject,
        "client_id": client_id,
        "iat": int(now.timestamp()),
        "exp": int(expires_at.timestamp()),
        "jti": token_id,
        # A token that belongs to no sign-in is a session of its own.
        "sid": session_id or token_id,
        "scope": str(scopes),
        "cnf": {"jkt": key} if key is not None else None,
        **(claims or {}),
    }
    compact = authority.signer.sign(_present(payload), algorithm="ES256", typ="at+jwt")
    return AccessToken(compact, max(0, int((expires_at - now).total_seconds())), scopes, key is not None)


def personal_token(
    authority: Authority,
    family: GrantFamily,
    user: User,
    *,
    roles: Collection[str],
    scopes: Scopes,
    label_rights: Collection[str] = (),
    key: str | None = None,
) -> AccessToken:
    """An access token for the FHIR base, for an app that acts for this person."""
    return access_token(
        authority,
        subject=user.id,
        client_id=family.client_id,
        audience=authority.installation.fhir_base,
        scopes=scopes,
        session_id=family.id,
        ends_by=family.ends_at,
        key=key,
        claims={
            "roles": list(roles) or None,
            "label_rights": list(label_rights) or None,
            "fhirUser": user.fhir_user,
            "name": user.name if "profile" in scopes.words else None,
            **LaunchContext.kept(family.patient, family.context).claims(),
            **_how_recognised(family),
        },
    )


def id_token(authority: Authority, family: GrantFamily, user: User, *, scopes: Scopes, nonce: str | None) -> str:
    now = int(authority.clock.now().timestamp())
    payload = {
        "iss": authority.installation.issuer,
        "aud": family.client_id,
        "iat": now,
        "exp": now + int(TOKEN_LIFE.total_seconds()),
        **_how_recognised(family),
        "nonce": nonce,
        "sid": family.id,
        **about(authority, user, scopes),
    }
    return authority.signer.sign(_present(payload), algorithm="RS256", typ="JWT")


def about(authority: Authority, user: User, scopes: Scopes) -> dict[str, Any]:
    """What a person's scopes let an app know of them."""
    known: dict[str, Any] = {"sub": user.id}
    if "profile" in scopes.words:
        known |= {"name": user.name, "preferred_username": user.username}
    if {"fhirUser", "profile"} & scopes.words and user.fhir_user:
        # https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html: an absolute address of the resource.
        address = f"{authority.installation.fhir_base}/{user.fhir_user}"
        known |= {"fhirUser": address, "profile": address}
    return known


def _how_recognised(family: GrantFamily) -> dict[str, Any]:
    methods = family.methods.split()
    return {
        "auth_time": int(family.auth_time.timestamp()),
        "acr": level_of(methods),
        "amr": methods_told(methods),
    }


def _present(claims: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in claims.items() if value is not None}
