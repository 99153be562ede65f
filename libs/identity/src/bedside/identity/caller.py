"""Who is calling, and what they may do."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from bedside.identity.emergency import BREAK_GLASS, BrokenGlass
from bedside.identity.labels import SENSITIVE_LABELS
from bedside.identity.roles import ceiling
from bedside.identity.scopes import Permission, Scopes
from bedside.identity.token import SECONDS_MAX, Verified


@dataclass(frozen=True)
class Caller:
    """A person by an app, or a program by itself. `scopes` are already bounded by the roles."""

    subject: str
    client_id: str
    scopes: Scopes
    roles: frozenset[str]
    token_id: str
    session_id: str
    expires_at: datetime
    patient: str | None = None
    """The patient in context, a logical id without `Patient/`."""
    fhir_user: str | None = None
    """A reference: `Practitioner/dr-shah`."""
    name: str | None = None
    purpose: str | None = None
    """What `purpose_of_use` says. Why one patient is looked at: `purpose_for`."""
    acr: str | None = None
    """How surely the person was recognised."""
    amr: tuple[str, ...] = ()
    """By which methods (RFC 8176)."""
    auth_time: datetime | None = None
    label_rights: frozenset[str] = frozenset()
    """The sensitive labels this person may see."""
    glasses: tuple[BrokenGlass, ...] = ()
    """The emergency accesses of this person that stood when the token was issued."""
    act: tuple[str, ...] = field(default=())
    """The services that call on the subject's behalf, the nearest first."""

    @classmethod
    def of(cls, token: Verified) -> "Caller":
        claims = token.claims
        roles = frozenset(role for role in claims.get("roles") or () if isinstance(role, str))
        return cls(
            subject=token.subject,
            client_id=token.client_id,
            scopes=_bounded(str(token.scopes), roles),
            roles=roles,
            token_id=token.token_id,
            session_id=token.session_id,
            expires_at=token.expires_at,
            patient=_text(claims.get("patient")),
            fhir_user=_text(claims.get("fhirUser")),
            name=_text(claims.get("name")),
            purpose=_text(claims.get("purpose_of_use")),
            acr=_text(claims.get("acr")),
            amr=_texts(claims.get("amr")),
            auth_time=_instant(claims.get("auth_time")),
            label_rights=_labels(claims.get("label_rights")),
            glasses=token.glasses,
            act=_actors(claims.get("act")),
        )

    def may(self, interaction: str, type_name: str) -> bool:
        """`interaction` is one of `c r u d s`. Closed by default.

        True says nothing about *which* resources: `permissions` does.
        """
        return bool(self.permissions(interaction, type_name))

    def permissions(self, interaction: str, type_name: str) -> tuple[Permission, ...]:
        """The alternatives under which the interaction is permitted: one of them has to hold."""
        return self.scopes.permissions(interaction, type_name, self.patient)

    def is_narrowed(self, interaction: str, type_name: str) -> bool:
        """Whether scopes permit it only on resources of certain contents, so that what is found is not all there is.

        To be one patient's app narrows nothing where one patient is looked at.
        """
        permissions = self.permissions(interaction, type_name)
        return bool(permissions) and all(permission.constraints for permission in permissions)

    def broke_glass_for(self, patient: str, now: datetime) -> bool:
        """Whether emergency access to this patient, a logical id, stands now. `now` is by the real clock."""
        return any(glass.patient == patient and now < glass.until for glass in self.glasses)

    def purpose_for(self, patient: str, now: datetime) -> str | None:
        """Why this patient is looked at: one emergency access says nothing of other patients."""
        if self.broke_glass_for(patient, now):
            return BREAK_GLASS
        return None if self.purpose == BREAK_GLASS else self.purpose

    def holds(self, word: str) -> bool:
        """Whether a scope that is not about FHIR, such as `users.manage`, was granted."""
        return word in self.scopes.words


@lru_cache(maxsize=1024)
def _bounded(scope: str, roles: frozenset[str]) -> Scopes:
    scopes = Scopes.parse(scope)
    personal = scopes.only(("user", "patient"), words=False).intersect(ceiling(roles))
    return scopes.only(("system",)).union(personal)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _texts(claim: Any) -> tuple[str, ...]:
    return tuple(one for one in claim if isinstance(one, str)) if isinstance(claim, list) else ()


def _instant(claim: Any) -> datetime | None:
    if isinstance(claim, bool) or not isinstance(claim, int | float) or not 0 <= claim <= SECONDS_MAX:
        return None
    return datetime.fromtimestamp(claim, UTC)


def _labels(claim: Any) -> frozenset[str]:
    named = claim if isinstance(claim, list) else ()
    return SENSITIVE_LABELS.intersection(label for label in named if isinstance(label, str))


def _actors(act: Any) -> tuple[str, ...]:
    actors: list[str] = []
    while isinstance(act, dict) and len(actors) < 2:
        if name := _text(act.get("sub")):
            actors.append(name)
        act = act.get("act")
    return tuple(actors)
