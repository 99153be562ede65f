"""granted = requested ∩ client ∩ role ∩ consent ∩ context. Pure."""

from collections.abc import Collection

from bedside.auth.launch_context import NO_CONTEXT, LaunchContext
from bedside.identity.roles import ANYONE, ceiling
from bedside.identity.scopes import Scopes

_PERSONAL_WORDS = ANYONE.words
_LAUNCH_WORDS = frozenset({"launch", "launch/patient", "launch/encounter"})


def granted_to_person(
    requested: Scopes,
    *,
    client: Scopes,
    roles: Collection[str],
    context: LaunchContext = NO_CONTEXT,
    consented: Scopes | None = None,
) -> Scopes:
    """What an app gets that acts for a person. `consented` is None where no consent is asked for."""
    granted = requested.intersect(client).bounded(ceiling(frozenset(roles)))
    if consented is not None:
        granted = granted.intersect(consented)
    # Without a patient in context, patient/ scopes would speak of nobody.
    granted = granted.only(("user", "patient") if context.patient else ("user",))
    # A launch scope that nothing answers must not be in the grant: apps read from it what they are going to be told.
    unanswered = _LAUNCH_WORDS - context.words
    return Scopes.parse(" ".join(scope for scope in granted if scope not in unanswered))


def granted_to_client(requested: Scopes, *, client: Scopes) -> Scopes:
    """What a program gets that acts for itself: `system/` and words, nothing about a person's sign-in."""
    granted = requested.intersect(client).only(("system",))
    return Scopes.parse(" ".join(scope for scope in granted if scope not in _PERSONAL_WORDS))


def says_something(scopes: Scopes) -> bool:
    """Whether a grant of these would let anybody do anything, be it only to know who signed in."""
    return bool(scopes.contexts or (scopes.words - {"online_access", "offline_access"}))
