"""What is known of a person beside what they may do."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from bedside.auth.directory.refusing import invalid
from bedside.auth.tables import User

USERNAME_CHARACTERS_MAX = 200
NAME_CHARACTERS_MAX = 300
PROFILE_CHARACTERS_MAX = 50_000
_FHIR_USER = re.compile(r"(Practitioner|Patient|RelatedPerson|Person)/[A-Za-z0-9\-.]{1,64}")
# Half a character is no text: neither database would keep it.
_UNKEPT = re.compile(r"[\x00\ud800-\udfff]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True)
class Details:
    """`fhir_user` is a reference: who signs in as `Patient/p1` is that patient."""

    username: str
    name: str
    given_name: str | None = None
    family_name: str | None = None
    email: str | None = None
    external_id: str | None = None
    fhir_user: str | None = None
    profile: dict[str, Any] = field(default_factory=dict)

    @property
    def patient(self) -> str | None:
        """The Patient this person is, a logical id."""
        kind, _, logical_id = (self.fhir_user or "").partition("/")
        return logical_id if kind == "Patient" else None

    def check(self) -> None:
        """Raises DirectoryRefused `invalid`."""
        check_text("username", folded(self.username), USERNAME_CHARACTERS_MAX, required=True)
        check_text("name", self.name, NAME_CHARACTERS_MAX, required=True)
        for what, text in (
            ("given name", self.given_name),
            ("family name", self.family_name),
            ("e-mail address", self.email),
            ("external id", self.external_id),
        ):
            check_text(what, text, NAME_CHARACTERS_MAX)
        if self.fhir_user is not None and not _FHIR_USER.fullmatch(self.fhir_user):
            raise invalid("The record must be named like Practitioner/dr-shah or Patient/p1.")
        _check_profile(self.profile)


def details_of(user: User) -> Details:
    return Details(
        username=user.username,
        name=user.name,
        given_name=user.given_name,
        family_name=user.family_name,
        email=user.email,
        external_id=user.external_id,
        fhir_user=user.fhir_user,
        profile=dict(user.profile or {}),
    )


def folded(username: str) -> str:
    """Names are compared without case and surrounding space."""
    return username.strip().casefold()


def check_text(what: str, text: str | None, characters_max: int, *, required: bool = False) -> None:
    """Raises DirectoryRefused `invalid`."""
    if text is None and not required:
        return
    if not text or not text.strip():
        raise invalid(f"The {what} is empty.")
    if len(text) > characters_max:
        raise invalid(f"The {what} is longer than {characters_max} characters.")
    if _CONTROL.search(text):
        raise invalid(f"The {what} holds a control character.")


def _check_profile(profile: dict[str, Any]) -> None:
    if len(json.dumps(profile)) > PROFILE_CHARACTERS_MAX:
        raise invalid(f"What is told of one person has {PROFILE_CHARACTERS_MAX} characters at most.")
    if any(_UNKEPT.search(text) for text in _texts(profile)):
        raise invalid("What is told of this person holds what is no character.")


def _texts(told: Any) -> Iterator[str]:
    """Everything written in it, names included."""
    if isinstance(told, str):
        yield told
    elif isinstance(told, dict):
        for name, value in told.items():
            yield name
            yield from _texts(value)
    elif isinstance(told, list):
        for value in told:
            yield from _texts(value)
