"""The short token by which auth looks at the FHIR base as the person who is signing in."""

from collections.abc import Collection
from datetime import timedelta

from bedside.auth.authority import Authority
from bedside.auth.authorizing import OWN_PAGES
from bedside.auth.minting import access_token
from bedside.auth.tables import User
from bedside.identity.roles import ceiling
from bedside.identity.scopes import Scopes

LOOK_LIFE = timedelta(seconds=60)
_LOOKS_FOR = Scopes.parse("user/Patient.rs user/Encounter.r")
_LOOKS_AT_ONE = Scopes.parse("patient/Patient.r")


def token_to_look(authority: Authority, user: User, roles: Collection[str], *, at: str | None = None) -> str:
    """No more than the roles permit. `at` is the one patient it is about, for whoever may not search."""
    wanted = _LOOKS_FOR if at is None else _LOOKS_AT_ONE
    token = access_token(
        authority,
        subject=user.id,
        # In the access log it is our own page that looked, not the app that has nothing yet.
        client_id=OWN_PAGES,
        audience=authority.installation.fhir_base,
        scopes=wanted.intersect(ceiling(frozenset(roles))),
        ends_by=authority.clock.now() + LOOK_LIFE,
        claims={"roles": list(roles) or None, "fhirUser": user.fhir_user, "patient": at},
    )
    return token.compact
