"""Passkeys: keys that answer to this address only, and only when their device has recognised their person.

https://www.w3.org/TR/webauthn-3/#sctn-rp-operations
"""

import uuid
from typing import Any

from sqlalchemy import and_, literal, or_
from sqlmodel import Session, col, select, update
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import (
    base64url_to_bytes,
    bytes_to_base64url,
    parse_authentication_credential_json,
    parse_client_data_json,
    parse_registration_credential_json,
)
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    CollectedClientData,
    CredentialDeviceType,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from bedside.auth.authority import Authority
from bedside.auth.putting import put_if_absent
from bedside.auth.sign_in.challenges import Purpose, new_challenge, spend_challenge
from bedside.auth.tables import Credential, User
from bedside.auth.tables import Session as BrowserSession
from bedside.identity.acr import HARDWARE_KEY, SYNCED_KEY

KIND = "passkey"
ANSWER_CHARACTERS_MAX = 20_000
_ID_CHARACTERS_MAX = 1_400
"""1,023 bytes: https://www.w3.org/TR/webauthn-3/#credential-id"""
_VERIFIED = UserVerificationRequirement.REQUIRED
# What the library raises for answers that are none, beside its own exceptions.
_NO_ANSWER = (WebAuthnException, ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError)


class NotAccepted(Exception):
    """`reason` is a word of ours: answer, challenge, counter, known, origin, owner or verification."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def options_to_create(authority: Authority, session: Session, browser_session: BrowserSession, user: User) -> str:
    """JSON for `navigator.credentials.create`, bytes as base64url."""
    return options_to_json(
        generate_registration_options(
            rp_id=_host(authority),
            rp_name="Bedside",
            user_id=_handle(user),
            user_name=user.username,
            user_display_name=user.name,
            challenge=new_challenge(authority, browser_session, "create"),
            exclude_credentials=_descriptors(passkeys_of(session, user)),
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.PREFERRED, user_verification=_VERIFIED
            ),
        )
    )


def options_to_get(authority: Authority, session: Session, browser_session: BrowserSession, user: User) -> str:
    """JSON for `navigator.credentials.get`, bytes as base64url."""
    return options_to_json(
        generate_authentication_options(
            rp_id=_host(authority),
            challenge=new_challenge(authority, browser_session, "get"),
            allow_credentials=_descriptors(passkeys_of(session, user)),
            user_verification=_VERIFIED,
        )
    )


def keep_passkey(
    authority: Authority, session: Session, browser_session: BrowserSession, user: User, answer: str
) -> str:
    """Keeps what `create` answered; the word for what was shown. Raises NotAccepted."""
    try:
        given = parse_registration_credential_json(answer[:ANSWER_CHARACTERS_MAX])
        said = parse_client_data_json(given.response.client_data_json)
        _check_said(authority, session, browser_session, "create", said)
        made = verify_registration_response(
            credential=given,
            expected_challenge=said.challenge,
            expected_rp_id=_host(authority),
            expected_origin=authority.installation.issuer,
        )
    except _NO_ANSWER as error:
        raise NotAccepted("answer") from error
    known_by = bytes_to_base64url(made.credential_id)
    if not made.user_verified:
        raise NotAccepted("verification")
    if len(known_by) > _ID_CHARACTERS_MAX:
        raise NotAccepted("answer")
    now = authority.clock.now()
    kept = Credential(
        id=str(uuid.uuid4()),
        user_id=user.id,
        kind=KIND,
        label="Passkey",
        known_by=known_by,
        counter=made.sign_count,
        created_at=now,
        confirmed_at=now,
        used_at=now,
    )
    kept.sealed = authority.sealing.seal(made.credential_public_key, bound_to=_bound(kept))
    if not put_if_absent(session, kept):
        # An id is somebody's for good: who brings one that is known does not take it over.
        raise NotAccepted("known")
    return _method(made.credential_device_type)


def use_passkey(
    authority: Authority, session: Session, browser_session: BrowserSession, user: User, answer: str
) -> str:
    """A passkey of this person signed what this session was shown; the word for that. Raises NotAccepted."""
    try:
        given = parse_authentication_credential_json(answer[:ANSWER_CHARACTERS_MAX])
        said = parse_client_data_json(given.response.client_data_json)
        _check_said(authority, session, browser_session, "get", said)
        known = next((each for each in passkeys_of(session, user) if each.known_by == given.id), None)
        if known is None or given.response.user_handle not in (None, b"", _handle(user)):
            raise NotAccepted("owner")
        shown = verify_authentication_response(
            credential=given,
            expected_challenge=said.challenge,
            expected_rp_id=_host(authority),
            expected_origin=authority.installation.issuer,
            credential_public_key=authority.sealing.open(known.sealed, bound_to=_bound(known)),
            # Counted below, where the database says who came first.
            credential_current_sign_count=0,
        )
    except _NO_ANSWER as error:
        raise NotAccepted("answer") from error
    if not shown.user_verified:
        raise NotAccepted("verification")
    if not _counted(authority, session, known, shown.new_sign_count):
        raise NotAccepted("counter")
    return _method(shown.credential_device_type)


def passkeys_of(session: Session, user: User) -> list[Credential]:
    own = select(Credential).where(Credential.user_id == user.id, Credential.kind == KIND)
    return list(session.exec(own.order_by(col(Credential.created_at))).all())


def _counted(authority: Authority, session: Session, known: Credential, count: int) -> bool:
    """Of two answers with the same count, one is a copy's. Devices that do not count say 0 for ever."""
    newer = or_(col(Credential.counter) < count, and_(col(Credential.counter) == 0, literal(count) == 0))
    written = update(Credential).where(col(Credential.id) == known.id, newer)
    return bool(session.exec(written.values(counter=count, used_at=authority.clock.now())).rowcount == 1)


def _check_said(
    authority: Authority,
    session: Session,
    browser_session: BrowserSession,
    purpose: Purpose,
    said: CollectedClientData,
) -> None:
    if said.origin != authority.installation.issuer:
        raise NotAccepted("origin")
    if not spend_challenge(authority, session, browser_session, purpose, said.challenge):
        raise NotAccepted("challenge")


def _descriptors(known: list[Credential]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=base64url_to_bytes(each.known_by or "")) for each in known]


def _method(device: Any) -> str:
    return HARDWARE_KEY if device == CredentialDeviceType.SINGLE_DEVICE else SYNCED_KEY


def _host(authority: Authority) -> str:
    host = authority.installation.passkey_host
    assert host is not None, "asked only where browsers offer passkeys"
    return host


def _handle(user: User) -> bytes:
    return user.id.encode()


def _bound(known: Credential) -> str:
    return f"passkey {known.user_id} {known.id}"
