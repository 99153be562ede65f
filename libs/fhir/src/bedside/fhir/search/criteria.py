"""What a search asks of a version, and how it is said in SQL: as a test of one version, or as the set of all."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import orjson

from bedside.events.database import Dialect
from bedside.fhir.definitions import definitions
from bedside.fhir.search.purview import EVERYTHING, Letter, Portion, Purview
from bedside.fhir.store.tables import FOREVER

Bind = Callable[[Any], str]
# Exact: the versions come once each and in order of vid. Wide: ranges, lists.
Reach = Literal["exact", "wide"]


class Statement:
    """One SQL statement in the making: its arguments, and who looks at what moment.

    `snapshot` None is now. What `purview` does not hold is not there.
    """

    def __init__(self, dialect: Dialect, *, snapshot: int | None, purview: Purview) -> None:
        self.dialect = dialect
        self.arguments: list[Any] = []
        self.purview = purview
        self._snapshot = snapshot
        self._aliases = 0

    def alias(self) -> str:
        """A name for a version that no other part of the statement uses."""
        self._aliases += 1
        return f"t{self._aliases}"

    def bind(self, value: Any) -> str:
        """The parameter's place. Never shared: PostgreSQL gives each one type, by the column it meets."""
        self.arguments.append(value)
        return f"${len(self.arguments)}"

    def exists(self, rows: str) -> str:
        """That there is one of these rows (`table WHERE …`): looked up for each version that gets this far.

        With an offset PostgreSQL leaves the test where it stands. Turned into a join it would be guessed at, and a
        wrong guess gathers all there is to find the few of a page.
        """
        return f"EXISTS (SELECT 1 FROM {rows}{' OFFSET 0' if self.dialect == 'postgresql' else ''})"

    @property
    def now(self) -> str:
        """The transaction up to which we see."""
        if self._snapshot is None:
            return "(SELECT coalesce(max(txn), 0) FROM txn)"
        return f"CAST({self.bind(self._snapshot)} AS bigint)"

    def visible(self, version: str, type_name: str, letter: Letter = "s") -> str:
        """That a version (by its alias) is the current one at the snapshot, and may be seen.

        Every version a search touches goes through here: matches, includes, counts, sorts and each hop of a chain.
        """
        said = f"{self._current(version)} AND {version}.type_id = {definitions().type_id(type_name)}"
        within = self.within(version, type_name, letter)
        return f"{said} AND {within}" if within else said

    def visible_among(self, version: str, type_names: Sequence[str], letter: Letter = "s") -> str:
        """As `visible`, of a version that may be of any of these types."""
        alike: dict[tuple[Portion, ...], list[str]] = {}
        for type_name in type_names:
            alike.setdefault(self.purview.portions(letter, type_name), []).append(type_name)
        branches = []
        for portions, names in alike.items():
            if portions:
                listed = ", ".join(str(definitions().type_id(name)) for name in names)
                within = self._within(version, portions)
                branches.append(f"{version}.type_id IN ({listed})" + (f" AND {within}" if within else ""))
        return f"{self._current(version)} AND ({' OR '.join(branches) or '1=0'})"

    def within(self, version: str, type_name: str, letter: Letter) -> str | None:
        """That a version, current or not, lies in the purview; None where all of the type does."""
        return self._within(version, self.purview.portions(letter, type_name))

    def _within(self, version: str, portions: Sequence[Portion]) -> str | None:
        if portions == EVERYTHING:
            return None
        return "(" + (" OR ".join(self._of(portion, version) for portion in portions) or "1=0") + ")"

    def _of(self, portion: Portion, version: str) -> str:
        said = [criterion.test(self, version) for criterion in portion.criteria]
        if portion.patient is not None:
            crid = self.resource("Patient", portion.patient)
            said.append(
                self.exists(
                    f"compartment cc WHERE cc.crid = {crid}"
                    f" AND cc.type_id = {version}.type_id AND cc.vid = {version}.vid"
                )
            )
        return " AND ".join(said) or "1=1"

    def _current(self, version: str) -> str:
        if self._snapshot is None:
            # Without asking which transaction was the last: one statement sees one state, in which what is current
            # is open at its end. What is only prepared begins at the end of time.
            return f"{version}.txn_to = {FOREVER} AND {version}.txn_from < {FOREVER} AND {version}.op <> 'D'"
        return f"{version}.txn_from <= {self.now} AND {version}.txn_to > {self.now} AND {version}.op <> 'D'"

    def resource(self, type_name: str, id: str) -> str:
        """The resource's number. NULL, and so equal to nothing, when there is no such resource."""
        type_id = definitions().type_id(type_name)
        return f"(SELECT rid FROM resource WHERE type_id = {type_id} AND fid = {self.bind(id)})"

    def resources(self, type_names: Sequence[str], ids: Sequence[str]) -> str:
        """A SELECT of the numbers of those there are. However many ids, they are one argument: SQLite takes no
        expression of a thousand parts, and a statement that keeps its text is prepared once."""
        type_ids = ", ".join(str(definitions().type_id(name)) for name in type_names)
        if len(ids) == 1:
            within = f"= {self.bind(ids[0])}"
        elif self.dialect == "postgresql":
            within = f"= ANY({self.bind(list(ids))}::text[])"
        else:
            within = f"IN (SELECT value FROM json_each({self.bind(orjson.dumps(list(ids)).decode())}))"
        return f"SELECT rid FROM resource WHERE type_id IN ({type_ids}) AND fid {within}"


class Criterion(Protocol):
    """One thing asked. All of a query's criteria must hold."""

    def test(self, statement: Statement, version: str) -> str:
        """A condition on the version with this alias."""
        ...

    def rows(self, statement: Statement) -> str | None:
        """`SELECT vid …` of all that may match, whatever the snapshot; None when there is no index to ask."""
        ...

    @property
    def reach(self) -> Reach: ...


@dataclass(frozen=True)
class Rows:
    """Rows of one index table. `where` is given the binder and the table's alias."""

    table: str
    where: Callable[[Statement, str], str]
    exact: bool = False

    def select(self, statement: Statement) -> str:
        return f"SELECT i.vid FROM {self.table} i WHERE {self.where(statement, 'i')}"

    def exists(self, statement: Statement, version: str) -> str:
        return statement.exists(f"{self.table} i WHERE i.vid = {version}.vid AND {self.where(statement, 'i')}")


@dataclass(frozen=True)
class Indexed:
    """Any of these rows; or, negated, none of them."""

    any_of: tuple[Rows, ...]
    negated: bool = False

    def test(self, statement: Statement, version: str) -> str:
        said = " OR ".join(rows.exists(statement, version) for rows in self.any_of) or "1=0"
        if self.negated:
            return f"NOT ({said})"
        return f"({said})" if len(self.any_of) > 1 else said

    def rows(self, statement: Statement) -> str | None:
        if self.negated:
            return None
        return " UNION ALL ".join(rows.select(statement) for rows in self.any_of)

    @property
    def reach(self) -> Reach:
        return "exact" if len(self.any_of) == 1 and self.any_of[0].exact else "wide"


@dataclass(frozen=True)
class Either:
    """At least one of several criteria of different kinds."""

    any_of: tuple[Criterion, ...]

    def test(self, statement: Statement, version: str) -> str:
        return "(" + " OR ".join(criterion.test(statement, version) for criterion in self.any_of) + ")"

    def rows(self, statement: Statement) -> str | None:
        sets = [criterion.rows(statement) for criterion in self.any_of]
        return None if any(each is None for each in sets) else " UNION ALL ".join(each for each in sets if each)

    @property
    def reach(self) -> Reach:
        return "wide"


@dataclass(frozen=True)
class HasId:
    """`_id`. Ids are logical ids."""

    type_names: tuple[str, ...]
    ids: tuple[str, ...]
    negated: bool = False

    def test(self, statement: Statement, version: str) -> str:
        return f"{version}.rid {'NOT ' if self.negated else ''}IN ({self._resources(statement)})"

    def rows(self, statement: Statement) -> str | None:
        if self.negated:
            return None
        return f"SELECT i.vid FROM version i WHERE i.rid IN ({self._resources(statement)})"

    def _resources(self, statement: Statement) -> str:
        return statement.resources(self.type_names, self.ids)

    @property
    def reach(self) -> Reach:
        return "wide"


@dataclass(frozen=True)
class Always:
    """What holds of every version, or (negated) of none: `_id:missing`."""

    negated: bool = False

    def test(self, statement: Statement, version: str) -> str:
        return "1=0" if self.negated else "1=1"

    def rows(self, statement: Statement) -> str | None:
        return None

    @property
    def reach(self) -> Reach:
        return "wide"


@dataclass(frozen=True)
class LastUpdated:
    """`where` is given the column `ts` of the version; `is_range`: it is one stretch of time."""

    type_names: tuple[str, ...]
    where: Callable[[Statement, str], str]
    is_range: bool

    def test(self, statement: Statement, version: str) -> str:
        return self.where(statement, f"{version}.ts")

    def rows(self, statement: Statement) -> str | None:
        if not self.is_range:
            return None
        return " UNION ALL ".join(
            f"SELECT i.vid FROM version i WHERE i.type_id = {type_id} AND {self.where(statement, 'i.ts')}"
            for type_id in map(definitions().type_id, self.type_names)
        )

    @property
    def reach(self) -> Reach:
        return "wide"


@dataclass(frozen=True)
class TokenIs(Indexed):
    """One token and nothing else: with a patient at hand, `ix_ptoken` answers both at once."""

    sps: tuple[int, ...] = ()
    hash: int = 0
    is_by_patient: bool = False


@dataclass(frozen=True)
class ReferenceIs(Indexed):
    """One local resource and nothing else.

    `patient` is its id when it is a Patient in whose compartment all matches lie.
    """

    patient: str | None = None


def among(statement: Statement, column: str, values: Sequence[Any]) -> str:
    if len(values) == 1:
        return f"{column} = {statement.bind(values[0])}"
    return f"{column} IN ({', '.join(statement.bind(value) for value in values)})"


def among_numbers(statement: Statement, column: str, numbers: Sequence[int]) -> str:
    """One argument however many numbers: databases bound how many a statement has."""
    if len(numbers) == 1:
        return f"{column} = {statement.bind(numbers[0])}"
    if statement.dialect == "postgresql":
        return f"{column} = ANY({statement.bind(list(numbers))}::bigint[])"
    listed = "[" + ",".join(map(str, numbers)) + "]"
    return f"{column} IN (SELECT value FROM json_each({statement.bind(listed)}))"


def sp_among(alias: str, sps: Sequence[int]) -> str:
    """Written out, not bound: there are few, and a planner that sees them chooses better."""
    if len(sps) == 1:
        return f"{alias}.sp = {sps[0]}"
    return f"{alias}.sp IN ({', '.join(map(str, sps))})"


def present(sps: Sequence[int], *, negated: bool) -> Indexed:
    """That a resource has (or lacks) any value for the parameter: `:missing`."""
    from bedside.fhir.search.hashing import PRESENT

    rows = Rows("ix_token", lambda statement, i: f"{sp_among(i, sps)} AND {i}.h = {PRESENT}")
    return Indexed((rows,), negated=negated)
