"""What a scope lets a program do, as an administrator reads it before allowing it."""

from bedside.identity.scopes import Scopes

_WORDS = {
    "openid": "know who signed in",
    "profile": "know their name",
    "fhirUser": "know which person of the record they are",
    "launch": "be opened from the workbench with its patient",
    "launch/patient": "ask which patient it is about",
    "launch/encounter": "ask which encounter it is about",
    "online_access": "go on while the person is signed in",
    "offline_access": "go on while the person is away, for up to a year",
    "introspect": "ask whether a token is good",
    "users.manage": "administer users",
    "clients.manage": "administer programs",
    "keys.manage": "administer keys",
    "sessions.manage": "administer sessions and consents",
    "audit.read": "read the access log",
}
_WHOSE = {
    "patient": "of one patient, as far as the person's role goes",
    "user": "as far as the person's role goes",
    "system": "of everybody, without a person",
}
_VERBS = {"c": "create", "r": "read", "u": "change", "d": "delete", "s": "search"}


def in_words(scope: str) -> str | None:
    """None for one that is not understood: it gives nothing."""
    if scope in _WORDS:
        return _WORDS[scope]
    if not Scopes.parse(scope).contexts:
        return None
    whose, _, rest = scope.partition("/")
    type_name = rest.partition(".")[0]
    whole = Scopes.parse(scope.partition("?")[0])
    letters = [verb for letter, verb in _VERBS.items() if whole.allows(letter, type_name)]
    if whose not in _WHOSE or not letters:
        return None
    what = "all kinds of records" if type_name == "*" else f"{type_name} records"
    only = ", only those that fit its query," if "?" in rest else ""
    return f"{_listed(letters)} {what}{only} {_WHOSE[whose]}"


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
