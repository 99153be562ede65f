"""A used-once token for new tokens. https://www.rfc-editor.org/rfc/rfc9700#section-4.14"""

from typing import Any

from bedside.auth.consent import consented
from bedside.auth.directory import active_user, label_rights_of, roles_of
from bedside.auth.granting import granted_to_person, says_something
from bedside.auth.grants.families import end_family, is_offline, refresh_token_of, rotated, told_of_launch
from bedside.auth.grants.grant import Asked
from bedside.auth.launch_context import LaunchContext
from bedside.auth.minting import id_token, personal_token
from bedside.auth.refusals import OAuthRefused, invalid_grant, invalid_scope
from bedside.auth.tables import GrantFamily, RefreshToken, User
from bedside.auth.tables import Session as BrowserSession
from bedside.auth.whom import is_theirs
from bedside.identity.scopes import Scopes


def refresh_token(asked: Asked) -> dict[str, Any]:
    """A wrong client or scope burns nothing; a second use ends the whole authorization."""
    secret = asked.required("refresh_token")
    used, family = _found(asked, secret)
    scopes = _scopes(asked, family)
    user = _user(asked, used, family)
    held = scopes.intersect(_held(asked, family, user))
    if not says_something(held):
        raise invalid_scope("nothing of what was asked for is held any more")
    successor = rotated(asked, family, used, secret)
    if successor is None:
        raise _over(asked, family, "the refresh token was used before")
    return _answer(asked, family, user, held) | {"refresh_token": successor}


def _found(asked: Asked, secret: str) -> tuple[RefreshToken, GrantFamily]:
    found = refresh_token_of(asked, secret)
    if found is None or found[1].client_id != asked.client.id:
        raise invalid_grant("the refresh token is not one of this client")
    if found[1].bound_to_key not in (None, asked.key):
        raise invalid_grant("the refresh token is bound to another key")
    return found


def _scopes(asked: Asked, family: GrantFamily) -> Scopes:
    """Narrower for this one token if asked for; the authorization keeps its scope."""
    authorized = Scopes.parse(family.scope)
    requested = asked.parameters.get("scope")
    if requested is None:
        return authorized
    scopes = Scopes.parse(requested)
    if not authorized.covers(scopes):
        raise invalid_scope("more was asked for than was authorized")
    return scopes


def _user(asked: Asked, used: RefreshToken, family: GrantFamily) -> User:
    now = asked.authority.clock.now()
    if family.ended_at is not None:
        raise invalid_grant("the authorization has ended")
    if family.ends_at <= now or (used.used_at is None and used.expires_at <= now):
        raise invalid_grant("the refresh token has expired")
    user = active_user(asked.session, family.user_id)
    if user is None:
        raise _over(asked, family, "the person may no longer sign in")
    return user


def _answer(asked: Asked, family: GrantFamily, user: User, scopes: Scopes) -> dict[str, Any]:
    now = asked.authority.clock.now()
    roles = roles_of(asked.session, user, now=now)
    labels = [right.label for right in label_rights_of(asked.session, user, now=now)]
    answer = personal_token(
        asked.authority, family, user, roles=roles, scopes=scopes, label_rights=labels, key=asked.key
    ).answer()
    if "openid" in scopes.words:
        answer["id_token"] = id_token(asked.authority, family, user, scopes=scopes, nonce=None)
    return answer | told_of_launch(asked, family)


def _held(asked: Asked, family: GrantFamily, user: User) -> Scopes:
    """What is left of what was authorized: registration, roles and consent may have shrunk since."""
    roles = roles_of(asked.session, user, now=asked.authority.clock.now())
    allowed = consented(asked.session, user.id, asked.client)
    why = _why_over(asked, family, user, roles, allowed)
    if why is not None:
        raise _over(asked, family, why)
    held = granted_to_person(
        Scopes.parse(family.scope),
        client=Scopes.parse(asked.client.scope),
        roles=roles,
        context=LaunchContext.kept(family.patient, family.context),
        consented=allowed,
    )
    if not says_something(held):
        raise _over(asked, family, "nothing of what was authorized is held any more")
    return held


def _why_over(asked: Asked, family: GrantFamily, user: User, roles: list[str], allowed: Scopes | None) -> str | None:
    """Which of the things that the authorization stood on is gone; None while it stands."""
    browser_session = asked.session.get_one(BrowserSession, family.session_id)
    # Somebody else signing in at the same browser ends a session too, and tells nobody.
    if browser_session.ended_at is not None and not is_offline(family.scope):
        return "the session it was granted in has ended"
    if not set(family.roles or ()) <= set(roles):
        return "a role it was granted with is held no longer"
    now = asked.authority.clock.now()
    if family.patient is not None and not is_theirs(asked.session, user, roles, family.patient, now=now):
        return "the patient is not one of this person any more"
    if allowed is not None and not allowed:
        return "the consent was withdrawn"
    return None


def _over(asked: Asked, family: GrantFamily, why: str) -> OAuthRefused:
    """The refusal; the whole authorization has ended with it."""
    end_family(asked, family.id)
    return invalid_grant(why)
