"""granted = requested ∩ client ∩ role ∩ context. Pure."""

from collections.abc import Collection

from bedside.identity.roles import ANYONE, ceiling
from bedside.identity.scopes import Scopes

_PERSONAL_WORDS = ANYONE.words


def granted_to_person(
    requested: Scopes, *, client: Scopes, roles: Collection[str], patient: str | None, consented: Scopes | None = None
) -> Scopes:
    """What an app gets that acts for a person. `consented` is None where no consent is asked for."""
    granted = requested.intersect(client).bounded(ceiling(frozenset(roles)))
    if consented is not None:
        granted = granted.intersect(consented)
    granted = granted.only(("user", "patient"))
    if patient is None:
        granted = Scopes.parse(" ".join(s for s in granted.only(("user",)) if s != "launch/patient"))
    return granted


def granted_to_client(requested: Scopes, *, client: Scopes) -> Scopes:
    """What a program gets that acts for itself: `system/` and words, nothing about a person's sign-in."""
    granted = requested.intersect(client).only(("system",))
    return Scopes.parse(" ".join(scope for scope in granted if scope not in _PERSONAL_WORDS))


def says_something(scopes: Scopes) -> bool:
    """Whether a grant of these would let anybody do anything, be it only to know who signed in."""
    return bool(scopes.contexts or (scopes.words - {"online_access", "offline_access"}))
