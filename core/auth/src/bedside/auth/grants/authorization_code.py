"""The code that a sign-in ended with, for tokens. https://www.rfc-editor.org/rfc/rfc6749#section-4.1.3"""

import base64
import hashlib
import re
from typing import Any

from sqlmodel import col, update

from bedside.auth.directory import active_user, label_rights_of, roles_of
from bedside.auth.grants.families import end_family, family_end, first_refresh_token, refreshable, told_of_launch
from bedside.auth.grants.grant import Asked
from bedside.auth.minting import id_token, personal_token
from bedside.auth.refusals import invalid_grant
from bedside.auth.secrets_kept import digest, same
from bedside.auth.tables import AuthCode, GrantFamily, User
from bedside.auth.tables import Session as BrowserSession
from bedside.identity.scopes import Scopes

_VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}")


def authorization_code(asked: Asked) -> dict[str, Any]:
    code = _claimed(asked)
    if asked.parameters.get("redirect_uri") != code.redirect_uri:
        raise invalid_grant("redirect_uri is not the one of the authorization request")
    _check_verifier(asked.parameters.get("code_verifier"), code.challenge)
    if code.bound_to_key not in (None, asked.key):
        raise invalid_grant("the code is bound to another key")
    user = active_user(asked.session, code.user_id)
    browser_session = asked.session.get(BrowserSession, code.session_id)
    if user is None or browser_session is None or browser_session.ended_at is not None:
        raise invalid_grant("the person may no longer sign in")
    family = _family(asked, code, user, browser_session)
    return _answer(asked, code, family, user)


def _claimed(asked: Asked) -> AuthCode:
    """The code, now burnt. Another client's code is not: its owner may still need it."""
    code = asked.session.get(AuthCode, digest(asked.required("code")))
    if code is None or code.client_id != asked.client.id:
        raise invalid_grant("the code is not one of this client")
    now = asked.authority.clock.now()
    claimed = asked.session.exec(
        update(AuthCode).where(col(AuthCode.id) == code.id, col(AuthCode.used_at).is_(None)).values(used_at=now)
    )
    if claimed.rowcount != 1:
        # Somebody else has it too. Which of the two was the thief cannot be known, so neither keeps anything.
        end_family(asked, code.family)
        raise invalid_grant("the code was used before")
    if code.expires_at <= now:
        raise invalid_grant("the code has expired")
    return code


def _check_verifier(verifier: str | None, challenge: str) -> None:
    """https://www.rfc-editor.org/rfc/rfc7636#section-4.6, S256 only."""
    if verifier is None or not _VERIFIER.fullmatch(verifier):
        raise invalid_grant("code_verifier is missing or malformed")
    hashed = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    if not same(hashed, challenge):
        raise invalid_grant("code_verifier does not fit the challenge")


def _family(asked: Asked, code: AuthCode, user: User, browser_session: BrowserSession) -> GrantFamily:
    now = asked.authority.clock.now()
    family = GrantFamily(
        id=code.family,
        client_id=code.client_id,
        user_id=user.id,
        session_id=browser_session.id,
        scope=code.scope,
        patient=code.patient,
        context=code.context,
        roles=roles_of(asked.session, user, now=now),
        auth_time=browser_session.auth_time,
        methods=browser_session.methods,
        # Who has a secret proves itself by that; a public client has nothing but the key (RFC 9449, section 5).
        bound_to_key=asked.key if asked.client.public else None,
        ends_at=family_end(code.scope, now=now),
    )
    asked.session.add(family)
    asked.session.flush()
    return family


def _answer(asked: Asked, code: AuthCode, family: GrantFamily, user: User) -> dict[str, Any]:
    scopes = Scopes.parse(code.scope)
    now = asked.authority.clock.now()
    roles = roles_of(asked.session, user, now=now)
    labels = [right.label for right in label_rights_of(asked.session, user, now=now)]
    answer = personal_token(
        asked.authority, family, user, roles=roles, scopes=scopes, label_rights=labels, key=asked.key
    ).answer()
    if refreshable(code.scope):
        answer["refresh_token"] = first_refresh_token(asked, family)
    if "openid" in scopes.words:
        answer["id_token"] = id_token(asked.authority, family, user, scopes=scopes, nonce=code.nonce)
    return answer | told_of_launch(asked, family)
