"""From a signed-in person and an app's request to the code, or to what is still missing."""

import uuid
from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from sqlmodel import Session, col, select, update

from bedside.auth.authority import Authority
from bedside.auth.authorization_request import AuthorizationRequest, Redirect
from bedside.auth.consent import consented
from bedside.auth.directory import roles_of
from bedside.auth.granting import granted_to_person, says_something
from bedside.auth.id_token_hints import hinted
from bedside.auth.launch_context import LaunchContext
from bedside.auth.launches import context_of_launch, presented_launch, use_launch
from bedside.auth.refusals import OAuthRefused, invalid_request
from bedside.auth.secrets_kept import digest, new_secret
from bedside.auth.tables import AuthCode, AuthRequest, Client, Launch, User
from bedside.auth.tables import Session as BrowserSession
from bedside.auth.whom import has_a_choice, is_theirs, only_patient
from bedside.identity.scopes import Scopes

REQUEST_LIFE = timedelta(minutes=30)
CODE_LIFE = timedelta(seconds=60)
OWN_PAGES = "bedside-auth"
"""Stands where an app's request has its client. Without secret, grant or redirect URI, it is of use to nobody."""


class AnsweredAlready(OAuthRefused):
    """A form was sent twice. The app has its answer; the person is told."""


@dataclass(frozen=True)
class Pending:
    """An accepted request; `handle` is what pages carry."""

    handle: str
    row: AuthRequest
    client: Client

    @property
    def own_page(self) -> bool:
        """Whether it leads to one of auth's own pages, at the path in `redirect_uri`, rather than to an app."""
        return self.client.id == OWN_PAGES

    def chosen_by(self, user: User) -> str | None:
        """The patient whom this person chose."""
        return self.row.patient if self.row.patient_chosen_by == user.id else None


def keep_request(
    authority: Authority,
    session: Session,
    asked: AuthorizationRequest,
    redirect: Redirect,
    *,
    browser: str,
    session_secret: str | None = None,
) -> Pending:
    """`session_secret` is that of the session the browser is in already. Raises OAuthRefused."""
    now = authority.clock.now()
    handle = new_secret()
    launch = presented_launch(authority, session, asked.launch, redirect.client) if asked.launch else None
    hinted_user = _hinted_user(authority, asked, redirect.client)
    after = now if asked.demands_sign_in else None
    if asked.max_age_s is not None and after is None:
        after = now - timedelta(seconds=asked.max_age_s)
    row = AuthRequest(
        id=digest(handle),
        browser=digest(browser),
        client_id=redirect.client.id,
        redirect_uri=redirect.uri,
        scope=str(asked.scopes),
        state=redirect.state,
        nonce=asked.nonce,
        challenge=asked.challenge,
        must_consent="consent" in asked.prompts,
        signed_in_after=after,
        session_before=_session_before(session, session_secret, asked, hinted_user),
        acr_values=" ".join(asked.acr_values) or None,
        launch=launch.id if launch else None,
        login_hint=asked.login_hint,
        hinted_user=hinted_user,
        bound_to_key=asked.bound_to_key,
        expires_at=now + REQUEST_LIFE,
    )
    session.add(row)
    session.flush()
    return Pending(handle, row, redirect.client)


def pending_request(authority: Authority, session: Session, handle: str | None, *, browser: str) -> Pending | None:
    """None when it is unknown, answered, too old or another browser's."""
    row = session.get(AuthRequest, digest(handle)) if handle else None
    if row is None or handle is None or row.answered_at is not None or row.expires_at <= authority.clock.now():
        return None
    client = session.get(Client, row.client_id)
    if row.browser != digest(browser) or client is None or not client.active:
        return None
    return Pending(handle, row, client)


def must_choose_patient(authority: Authority, session: Session, pending: Pending, user: User) -> bool:
    """Whether the app asks to be told a patient, and it is open whom."""
    return pending.chosen_by(user) is None and may_choose_patient(authority, session, pending, user)


def may_choose_patient(authority: Authority, session: Session, pending: Pending, user: User) -> bool:
    """Whether this request is about whomever the person says. An EHR's patient is not theirs to change."""
    if pending.row.launch is not None and session.get_one(Launch, pending.row.launch).patient is not None:
        return False
    whoever = LaunchContext(patient="whoever it will be")
    granted = _granted(authority, session, pending, user, whoever)
    now = authority.clock.now()
    return "launch/patient" in granted.words and has_a_choice(session, user, roles_of(session, user, now=now), now=now)


def must_consent(session: Session, pending: Pending, user: User, granted: Scopes) -> bool:
    if pending.row.must_consent:
        return True
    allowed = consented(session, user.id, pending.client)
    return allowed is not None and not allowed.covers(granted)


def grantable(authority: Authority, session: Session, pending: Pending, user: User) -> Scopes:
    """What this person may give this app. Raises OAuthRefused invalid_scope when that is nothing."""
    granted = _granted(authority, session, pending, user, context_of(authority, session, pending, user))
    if not says_something(granted):
        raise OAuthRefused("invalid_scope", "nothing of what was asked for can be granted")
    return granted


def context_of(authority: Authority, session: Session, pending: Pending, user: User) -> LaunchContext:
    """As far as it is known: from the EHR, else the patient who was chosen, else the only one it can be.

    Raises OAuthRefused when the launch is not this person's, or the patient is not any more.
    """
    now = authority.clock.now()
    if pending.row.launch is not None:
        launched = context_of_launch(session.get_one(Launch, pending.row.launch), user)
        context = replace(launched, patient=launched.patient or pending.chosen_by(user))
    else:
        context = LaunchContext(patient=pending.chosen_by(user) or only_patient(session, user, now=now))
    roles = roles_of(session, user, now=now)
    if context.patient is not None and not is_theirs(session, user, roles, context.patient, now=now):
        raise OAuthRefused("access_denied", "the patient is not one of this person any more")
    return context


def _granted(authority: Authority, session: Session, pending: Pending, user: User, context: LaunchContext) -> Scopes:
    return granted_to_person(
        Scopes.parse(pending.row.scope),
        client=Scopes.parse(pending.client.scope),
        roles=roles_of(session, user, now=authority.clock.now()),
        context=context,
    )


def answered_with_code(
    authority: Authority, session: Session, pending: Pending, browser_session: BrowserSession, granted: Scopes
) -> str:
    """The address to send the browser to. The request is answered once, and its launch used. Raises OAuthRefused."""
    now = authority.clock.now()
    context = context_of(authority, session, pending, session.get_one(User, browser_session.user_id)).within(granted)
    if pending.row.launch is not None:
        use_launch(authority, session, pending.row.launch)
    _answer_once(authority, session, pending)
    code = new_secret()
    session.add(
        AuthCode(
            id=digest(code),
            family=str(uuid.uuid4()),
            client_id=pending.client.id,
            user_id=browser_session.user_id,
            session_id=browser_session.id,
            redirect_uri=pending.row.redirect_uri,
            scope=str(granted),
            challenge=pending.row.challenge,
            nonce=pending.row.nonce,
            patient=context.patient,
            context=context.rest(),
            bound_to_key=pending.row.bound_to_key,
            expires_at=now + CODE_LIFE,
        )
    )
    return _sent_back(authority, pending.row.redirect_uri, pending.row.state, {"code": code})


def answered_with_own_page(authority: Authority, session: Session, pending: Pending) -> str:
    """The path to send the browser to. The request is answered once."""
    assert pending.own_page, "an app is answered with a code"
    _answer_once(authority, session, pending)
    return pending.row.redirect_uri


def answered_with_error(authority: Authority, session: Session, pending: Pending, refused: OAuthRefused) -> str:
    _answer_once(authority, session, pending)
    return error_redirect(authority, pending.row.redirect_uri, pending.row.state, refused)


def error_redirect(authority: Authority, redirect_uri: str, state: str | None, refused: OAuthRefused) -> str:
    error = {"error": refused.error, "error_description": refused.description}
    return _sent_back(authority, redirect_uri, state, error)


def _hinted_user(authority: Authority, asked: AuthorizationRequest, client: Client) -> str | None:
    if asked.id_token_hint is None:
        return None
    claims = hinted(authority, asked.id_token_hint)
    if claims is None or claims.get("aud") != client.id:
        raise invalid_request("id_token_hint is not an ID token of this client")
    return str(claims["sub"])


def _session_before(
    session: Session, secret: str | None, asked: AuthorizationRequest, hinted_user: str | None
) -> str | None:
    """The session that the browser has and that does not count for this request."""
    if not secret:
        return None
    known = session.exec(select(BrowserSession).where(BrowserSession.secret_hash == digest(secret))).first()
    if known is None:
        return None
    is_another = hinted_user is not None and known.user_id != hinted_user
    return known.id if asked.demands_sign_in or is_another else None


def _answer_once(authority: Authority, session: Session, pending: Pending) -> None:
    answered = session.exec(
        update(AuthRequest)
        .where(col(AuthRequest.id) == pending.row.id, col(AuthRequest.answered_at).is_(None))
        .values(answered_at=authority.clock.now())
    )
    if answered.rowcount != 1:
        raise AnsweredAlready("invalid_request", "this request has been answered")


def _sent_back(authority: Authority, redirect_uri: str, state: str | None, answer: dict[str, str]) -> str:
    # `iss` lets an app that talks to several servers notice an answer from the wrong one (RFC 9207).
    told = answer | ({"state": state} if state is not None else {}) | {"iss": authority.installation.issuer}
    parts = urlsplit(redirect_uri)
    query = [*parse_qsl(parts.query, keep_blank_values=True), *told.items()]
    return urlunsplit(parts._replace(query=urlencode(query)))
