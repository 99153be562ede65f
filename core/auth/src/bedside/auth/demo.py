"""People and clients: those every installation needs, and those of the demo."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from anyio import to_thread

from bedside.auth.authority import Authority
from bedside.auth.authorizing import OWN_PAGES
from bedside.auth.directory import keep_client, keep_user, user_named
from bedside.auth.installation import SERVICES, Installation
from bedside.identity.exchange import GRANT_TYPE as TOKEN_EXCHANGE

if TYPE_CHECKING:
    from bedside.service import Runtime, Settings

_EXCHANGES_WITH = {
    "gateway": ("patients", "encounters", "auth"),
    "patients": ("encounters",),
    "encounters": ("patients",),
    "auth": (),
}
_SERVICE_SCOPE = {
    # Deletion is for undoing: a transaction over two owners that the second refuses takes back what the first created.
    # Before one owner deletes, the others are asked who refers to it.
    "gateway": "system/*.rds system/existence.read system/events.read system/revocations.read system/accesses.write"
    " introspect",
    "patients": "system/*.rs system/existence.read system/events.read system/revocations.read system/accesses.write",
    "encounters": "system/*.rs system/existence.read system/events.read system/revocations.read system/accesses.write",
    # It reads what the others told, where the broker did not bring it.
    "auth": "system/events.read",
}
# The workbench may ask for everything a person may do: the role decides what that is.
WORKBENCH_SCOPE = (
    "openid profile fhirUser launch/patient online_access user/*.cruds patient/*.cruds user/AuditEvent.rs"
    " users.manage clients.manage keys.manage sessions.manage audit.read"
)


@dataclass(frozen=True)
class _Person:
    username: str
    name: str
    fhir_user: str | None
    patient: str | None = None


_PEOPLE = (
    _Person("physician", "Dr Anita Shah", "Practitioner/dr-shah"),
    _Person("nurse", "Soo-Jin Kim", "Practitioner/nurse-kim"),
    _Person("frontdesk", "Marta Nowak", "Practitioner/frontdesk-nowak"),
    _Person("coordinator", "Tom Reid", "Practitioner/coordinator-reid"),
    _Person("pharmacist", "Leila Haddad", "Practitioner/pharmacist-haddad"),
    _Person("billing", "Owen Price", "Practitioner/billing-price"),
    _Person("patient", "Patient p1", "Patient/p1", patient="p1"),
    _Person("admin", "Robin Lang", None),
)


def ensure_services(authority: Authority) -> None:
    """Registers the services, so that they can sign in as themselves. Safe to repeat."""
    installation = authority.installation
    with authority.units.unit() as session:
        keep_client(session, OWN_PAGES, name="Bedside", grant_types=[], scope="", audiences=[], first_party=True)
        for name in SERVICES:
            keep_client(
                session,
                name,
                name=f"Bedside {name}",
                secret=installation.service_secrets.get(name),
                jwks=installation.service_keys.get(name),
                assertion_to_issuer=True,
                grant_types=["client_credentials", TOKEN_EXCHANGE],
                scope=_SERVICE_SCOPE[name],
                audiences=list(installation.addresses.values()),
                exchange_audiences=[installation.addresses[other] for other in _EXCHANGES_WITH[name]],
                service=True,
            )


async def ensure(runtime: "Runtime") -> dict[str, Any]:
    """The demo's people and clients: the parts `users` and `clients` of `demo.json`. Safe to repeat.

    Passwords and secrets are made once and kept with the data: after a restart they are the same.
    """
    return await to_thread.run_sync(ensure_now, runtime.settings)


def ensure_now(settings: "Settings") -> dict[str, Any]:
    """The same, blocking, for some 20 ms a person. The database must have been migrated."""
    authority = Authority.opened(Installation.of(settings))
    try:
        ensure_services(authority)
        users = [_kept_person(authority, person, settings.kept_secret(f"demo-{person.username}")) for person in _PEOPLE]
        return {"users": users, "clients": _kept_clients(authority, settings.kept_secret("demo-integrator"))}
    finally:
        authority.close()


def _kept_person(authority: Authority, person: _Person, password: str) -> dict[str, Any]:
    with authority.units.reading() as session:
        known = user_named(session, person.username)
        fits = known is not None and authority.passwords.fits_now(password, known.password_hash)
    password_hash = None if fits else authority.passwords.hash(password)
    with authority.units.unit() as session:
        keep_user(
            session,
            username=person.username,
            name=person.name,
            password_hash=password_hash,
            roles=[person.username],
            fhir_user=person.fhir_user,
            patient=person.patient,
            now=authority.clock.now(),
        )
    return {
        "username": person.username,
        "password": password,
        "roles": [person.username],
        "totp_secret": None,
        "fhirUser": person.fhir_user,
    }


def _kept_clients(authority: Authority, secret: str) -> list[dict[str, Any]]:
    installation = authority.installation
    gateway = installation.addresses["gateway"]
    with authority.units.unit() as session:
        integrator = keep_client(
            session,
            "integrator",
            name="Integrator",
            secret=secret,
            grant_types=["client_credentials"],
            scope="system/*.cruds",
            audiences=[
                installation.fhir_base,
                installation.addresses["patients"],
                installation.addresses["encounters"],
            ],
        )
        workbench = keep_client(
            session,
            "workbench",
            name="Bedside workbench",
            grant_types=["authorization_code", "refresh_token"],
            scope=WORKBENCH_SCOPE,
            audiences=[installation.fhir_base],
            redirect_uris=[f"{gateway}/callback"],
            post_logout_redirect_uris=[f"{gateway}/", gateway],
            first_party=True,
        )
        return [
            {
                "client_id": integrator.id,
                "client_secret": secret,
                "grant_types": integrator.grant_types,
                "scope": integrator.scope,
            },
            {
                "client_id": workbench.id,
                "redirect_uris": workbench.redirect_uris,
                "grant_types": workbench.grant_types,
            },
        ]
