"""SMART scopes as sets that can be compared and intersected, not as strings.

Grammar, version 2 and the version 1 words that map to it: https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, cast

Context = Literal["patient", "user", "system"]
Interaction = Literal["c", "r", "u", "d", "s"]
Constraint = tuple[str, frozenset[str]]
"""A search parameter and the values of which one must match: `category=a,b` is ("category", {"a", "b"})."""

CONTEXTS: tuple[Context, ...] = ("system", "user", "patient")
INTERACTIONS: tuple[Interaction, ...] = ("c", "r", "u", "d", "s")
SCOPES_MAX = 200
_ANSWERS_KEPT_MAX = 1_000

# A scope holds neither backslash nor quote (RFC 6749, section 3.3), so no comma in it is escaped.
_RESOURCE = re.compile(
    r"(patient|user|system)/(\*|[A-Z][A-Za-z]{1,63})\.(read|write|\*|(?=[cruds])c?r?u?d?s?)(?:\?([^\s?\\\x22]{1,400}))?"
)
_NEGATING = (":not", ":not-in")
_VERSION_1 = {"read": "rs", "write": "cud", "*": "cruds"}
_NOT_BY_WILDCARD = frozenset({"AuditEvent"})


@dataclass(frozen=True)
class _Atom:
    """The smallest permission: one interaction on one type (or `*`), under all of its constraints."""

    context: Context
    type_name: str
    interaction: Interaction
    constraints: frozenset[Constraint] = frozenset()

    def covers(self, other: "_Atom") -> bool:
        return (
            _context_covers(self.context, other.context)
            and _type_covers(self.type_name, other.type_name)
            and self.interaction == other.interaction
            and all(_constraint_met(constraint, other.constraints) for constraint in self.constraints)
        )

    def meet(self, other: "_Atom") -> "_Atom | None":
        if self.interaction != other.interaction:
            return None
        if _context_covers(self.context, other.context):
            context = other.context
        elif _context_covers(other.context, self.context):
            context = self.context
        else:
            return None
        if _type_covers(self.type_name, other.type_name):
            type_name = other.type_name
        elif _type_covers(other.type_name, self.type_name):
            type_name = self.type_name
        else:
            return None
        return _Atom(context, type_name, self.interaction, _tightest(self.constraints | other.constraints))


def _context_covers(wide: Context, narrow: Context) -> bool:
    # What a person may do for anyone they may also do for the one patient in context.
    return wide == narrow or (wide == "user" and narrow == "patient")


def _type_covers(wide: str, narrow: str) -> bool:
    # Who reads everything clinical does not thereby read who looked at it.
    return wide == narrow or (wide == "*" and narrow not in _NOT_BY_WILDCARD)


def _constraint_met(constraint: Constraint, by: frozenset[Constraint]) -> bool:
    name, values = constraint
    if name.endswith(_NEGATING):
        # Fewer values are more resources here.
        return any(name == other_name and other_values >= values for other_name, other_values in by)
    return any(name == other_name and other_values <= values for other_name, other_values in by)


def _tightest(constraints: frozenset[Constraint]) -> frozenset[Constraint]:
    return frozenset(c for c in constraints if not _constraint_met(c, constraints - {c}))


def _spelling_of(part: "_Scope") -> str:
    letters = "".join(i for i in INTERACTIONS if any(atom.interaction == i for atom in part.atoms))
    first = next(iter(part.atoms))
    query = "&".join(f"{name}={','.join(sorted(values))}" for name, values in _ordered(first.constraints))
    return f"{first.context}/{first.type_name}.{letters}{'?' + query if query else ''}"


def _ordered(constraints: frozenset[Constraint]) -> list[Constraint]:
    return sorted(constraints, key=lambda constraint: (constraint[0], sorted(constraint[1])))


@dataclass(frozen=True)
class _Scope:
    """One scope as it was spelled. A word without FHIR meaning (`openid`) has no atoms and equals only itself."""

    spelling: str
    atoms: frozenset[_Atom] = frozenset()


@dataclass(frozen=True, slots=True)
class Permission:
    """One way in which an interaction is permitted: on what meets all `constraints`, in the compartment of `patient`.

    `patient` is a logical id; None where no patient's compartment is the bound.
    """

    patient: str | None = None
    constraints: frozenset[Constraint] = frozenset()


class Scopes:
    """An immutable set of scopes that remembers its spelling and order."""

    __slots__ = ("_allowed", "_atoms", "_scopes", "_words")

    def __init__(self, scopes: Iterable[_Scope] = ()) -> None:
        self._scopes = tuple({scope.spelling: scope for scope in scopes}.values())
        self._atoms = frozenset(atom for scope in self._scopes for atom in scope.atoms)
        self._words = frozenset(scope.spelling for scope in self._scopes if not scope.atoms)
        self._allowed: dict[tuple[str, str, Context | None], bool] = {}

    @staticmethod
    @lru_cache(maxsize=1024)
    def parse(text: str) -> "Scopes":
        """Never refuses: what is not a SMART scope is a word that only the same word covers. At most 200 are kept."""
        return Scopes(_parsed(word) for word in text.split()[:SCOPES_MAX])

    @property
    def words(self) -> frozenset[str]:
        """The scopes that are not about FHIR resources, such as `openid` or `users.manage`."""
        return self._words

    @property
    def contexts(self) -> frozenset[Context]:
        return frozenset(atom.context for atom in self._atoms)

    def covers(self, other: "Scopes") -> bool:
        """Whether everything `other` permits is permitted here too."""
        return other._words <= self._words and all(self._covers_atom(atom) for atom in other._atoms)

    def intersect(self, other: "Scopes") -> "Scopes":
        """What both permit. A scope of ours that is wholly within `other` keeps its spelling."""
        return Scopes(part for scope in self._scopes for part in _met(scope, other))

    def union(self, other: "Scopes") -> "Scopes":
        return Scopes((*self._scopes, *other._scopes))

    def allows(self, interaction: str, type_name: str, context: Context | None = None) -> bool:
        """Whether the interaction (`c`, `r`, `u`, `d` or `s`) is permitted on *every* resource of the type.

        A scope with a query (`?category=…`) permits it on some only, so it does not count here: see `constraints`.
        """
        asked = (interaction, type_name, context)
        allowed = self._allowed.get(asked)
        if allowed is None:
            allowed = frozenset() in self.constraints(interaction, type_name, context)
            # Callers choose the type's name, so what is remembered is bounded.
            if len(self._allowed) < _ANSWERS_KEPT_MAX:
                self._allowed[asked] = allowed
        return allowed

    def constraints(
        self, interaction: str, type_name: str, context: Context | None = None
    ) -> tuple[frozenset[Constraint], ...]:
        """The alternatives under which the interaction is permitted; empty when it is not. `{}` means always."""
        return tuple(
            atom.constraints
            for atom in self._atoms
            if atom.interaction == interaction
            and _type_covers(atom.type_name, type_name)
            and (context is None or atom.context == context)
        )

    def permissions(self, interaction: str, type_name: str, patient: str | None) -> tuple[Permission, ...]:
        """The alternatives under which the interaction is permitted to whoever has that patient in context.

        Empty when it is not; a single `Permission()` when it is on every resource of the type.
        """
        if self.allows(interaction, type_name, "system") or self.allows(interaction, type_name, "user"):
            return (Permission(),)
        # Without a patient in context, patient/ scopes speak of nobody.
        return tuple(
            Permission(patient if context == "patient" else None, constraints)
            for context in CONTEXTS
            if context != "patient" or patient
            for constraints in self.constraints(interaction, type_name, context)
        )

    def only(self, contexts: Iterable[Context], *, words: bool = True) -> "Scopes":
        """The part in these contexts, with or without the words."""
        kept = frozenset(contexts)
        return Scopes(
            scope
            for scope in self._scopes
            if (words and not scope.atoms) or any(atom.context in kept for atom in scope.atoms)
        )

    def bounded(self, ceiling: "Scopes") -> "Scopes":
        """Like `intersect`, but a wildcard within the ceiling's interactions stays one.

        For tokens: whoever reads the token must intersect again, as `Caller` does with the roles.
        """
        return Scopes(
            part
            for scope in self._scopes
            for part in (_wildcard_kept(scope, ceiling) if _is_wildcard(scope) else _met(scope, ceiling))
        )

    def _covers_atom(self, wanted: _Atom) -> bool:
        return wanted in self._atoms or any(atom.covers(wanted) for atom in self._atoms)

    def __contains__(self, word: object) -> bool:
        return any(scope.spelling == word for scope in self._scopes)

    def __iter__(self) -> Iterator[str]:
        return (scope.spelling for scope in self._scopes)

    def __bool__(self) -> bool:
        return bool(self._scopes)

    def __str__(self) -> str:
        return " ".join(self)

    def __repr__(self) -> str:
        return f"Scopes({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        """Equal when they permit the same, however spelled."""
        return isinstance(other, Scopes) and self.covers(other) and other.covers(self)

    def __hash__(self) -> int:
        # Equal sets may be spelled with redundant atoms, so only what redundancy cannot change is hashed.
        return hash((self._words, frozenset(atom.interaction for atom in self._atoms)))


@lru_cache(maxsize=4096)
def _parsed(word: str) -> _Scope:
    match = _RESOURCE.fullmatch(word)
    if match is None:
        return _Scope(word)
    context, type_name, letters, query = match.groups()
    constraints = _constraints(query)
    if constraints is None:
        return _Scope(word)
    interactions = cast("Iterable[Interaction]", _VERSION_1.get(letters, letters))
    return _Scope(word, frozenset(_Atom(cast(Context, context), type_name, i, constraints) for i in interactions))


def _constraints(query: str | None) -> frozenset[Constraint] | None:
    """None when the query is not one."""
    if query is None:
        return frozenset()
    pairs = [part.partition("=") for part in query.split("&")]
    if not all(name and value for name, _, value in pairs):
        return None
    return _tightest(frozenset((name, frozenset(value.split(","))) for name, _, value in pairs))


def _met(scope: _Scope, other: Scopes) -> Iterator[_Scope]:
    if not scope.atoms:
        if scope.spelling in other.words:
            yield scope
        return
    if all(other._covers_atom(atom) for atom in scope.atoms):
        yield scope
        return
    meets = {met for ours in scope.atoms for theirs in other._atoms if (met := ours.meet(theirs))}
    yield from _grouped(atom for atom in meets if not any(o != atom and o.covers(atom) for o in meets))


def _grouped(atoms: Iterable[_Atom]) -> Iterator[_Scope]:
    groups: dict[tuple[str, str, frozenset[Constraint]], set[_Atom]] = {}
    for atom in atoms:
        groups.setdefault((atom.context, atom.type_name, atom.constraints), set()).add(atom)
    parts = [_Scope("", frozenset(group)) for group in groups.values()]
    yield from sorted((_Scope(_spelling_of(part), part.atoms) for part in parts), key=lambda part: part.spelling)


def _is_wildcard(scope: _Scope) -> bool:
    return any(atom.type_name == "*" for atom in scope.atoms)


def _wildcard_kept(scope: _Scope, ceiling: Scopes) -> Iterator[_Scope]:
    kept = frozenset(atom for atom in scope.atoms if any(atom.meet(theirs) for theirs in ceiling._atoms))
    if kept == scope.atoms:
        yield scope
    elif kept:
        yield from _grouped(kept)
