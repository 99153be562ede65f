"""Who walks: nobody, somebody with the wrong token, a service, and a person of every role."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bedside.fhir.search.purview import within_compartment
from bedside.identity.roles import ROLES, ceiling
from bedside.identity.scopes import Scopes
from bedside.service import SERVICES, Settings
from tests.system.access import Access
from tests.system.services import token_of_service

STAFF_SCOPE = (
    "openid profile fhirUser user/*.cruds user/AuditEvent.rs"
    " users.manage clients.manage keys.manage sessions.manage audit.read"
)
PATIENT_SCOPE = "openid profile fhirUser patient/*.cruds"
NARROW_SCOPE = "fhirUser user/Location.rs"
PATIENTS_OWN = "p1"
EVERYWHERE = frozenset(SERVICES)
_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"


@dataclass(frozen=True)
class Walker:
    """`scopes` are what its token was asked with; `tokens` are by the service that they are shown to.

    `strange_at` are the services at which its token is no good, or is none.
    """

    name: str
    scopes: Scopes = field(default_factory=Scopes)
    roles: frozenset[str] = frozenset()
    tokens: Mapping[str, str] = field(default_factory=dict, repr=False)
    strange_at: frozenset[str] = frozenset()
    patient: str | None = None

    @property
    def rights(self) -> Scopes:
        """By the table of roles: whatever was asked for, no more than this is held."""
        personal = self.scopes.intersect(ceiling(self.roles))
        return self.scopes.only(("system",)) if not self.roles else personal

    def may(self, letter: str, type_name: str) -> bool:
        if not self.rights.constraints(letter, type_name):
            return False
        confined = self.patient is not None and not self.rights.constraints(letter, type_name, "user")
        return not confined or within_compartment(str(self.patient), letter, type_name) is not None  # type: ignore[arg-type]

    def holds(self, scope: str) -> bool:
        return self.rights.covers(Scopes.parse(scope))


@dataclass(frozen=True)
class Walkers:
    """Makes them for a running installation."""

    access: Access
    settings: Settings

    def all(self) -> list[Walker]:
        return [
            Walker("nobody", strange_at=EVERYWHERE),
            self._misdirected(),
            self._narrow(),
            self._service(),
            *self._roles(),
        ]

    def _misdirected(self) -> Walker:
        """Good tokens, each for another service than the one it is shown to."""
        for_patients = self.access.client_token(resource=self.access.demo["patients"])
        for_all = self.access.client_token()
        tokens = {"gateway": for_patients, "auth": for_patients, "patients": for_all, "encounters": for_patients}
        return Walker("wrong audience", Scopes.parse("system/*.cruds"), tokens=tokens, strange_at=EVERYWHERE)

    def _narrow(self) -> Walker:
        token = self.access.user_token("physician", scope=NARROW_SCOPE)
        return Walker("wrong scope", Scopes.parse(NARROW_SCOPE), frozenset({"physician"}), self._everywhere(token))

    def _service(self) -> Walker:
        """The gateway in its own name. It is no app: at the base of its own it is a stranger."""
        scope = "system/*.rds system/existence.read system/events.read system/revocations.read"
        tokens = {
            name: self._token(
                {"grant_type": "client_credentials", "resource": self.settings.address(name), "scope": scope}
            )
            for name in SERVICES
        }
        return Walker("service", Scopes.parse(scope), tokens=tokens, strange_at=frozenset({"gateway"}))

    def _roles(self) -> list[Walker]:
        known = {user["username"] for user in self.access.demo["users"]}
        return [self._person(role) for role in ROLES if role in known]

    def _person(self, role: str) -> Walker:
        patient = PATIENTS_OWN if role == "patient" else None
        scope = PATIENT_SCOPE if patient else STAFF_SCOPE
        token = self.access.user_token(role, scope=scope)
        return Walker(role, Scopes.parse(scope), frozenset({role}), self._everywhere(token), patient=patient)

    def _everywhere(self, token: str) -> dict[str, str]:
        """As it is shown at the base and at auth, and as the gateway exchanges it for the owners."""
        tokens = {"gateway": token, "auth": token}
        for name in ("patients", "encounters"):
            form = {"grant_type": _EXCHANGE, "subject_token": token, "subject_token_type": _ACCESS_TOKEN}
            tokens[name] = self._token({**form, "audience": self.access.demo[name]})
        return tokens

    def _token(self, form: Mapping[str, str]) -> str:
        return token_of_service(self.settings, "gateway", form)
