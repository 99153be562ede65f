"""Which index a search begins with: the one that leaves the least to look at."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bedside.events.database.port import Reader
from bedside.fhir.definitions import definitions
from bedside.fhir.search.chains import AnyLink, Chained
from bedside.fhir.search.criteria import (
    Criterion,
    HasId,
    Indexed,
    ReferenceIs,
    Rows,
    Statement,
    TokenIs,
    sp_among,
)
from bedside.fhir.search.purview import Purview, in_patient_compartment
from bedside.fhir.search.query import Query

# Sets at least this large are not counted further: walking through the versions, newest first, soon fills a page.
COUNTED_MAX = 1000
# What refers to a few resources lies together (a patient's observations), and a walk may meet it late or never.
LINKED_MAX = 5000


@dataclass(frozen=True)
class Driver:
    """`select` is `SELECT vid …`. When `exact`, each version comes once and in order. It replaces `criterion`.

    `is_large`: there may be any number of them.
    """

    select: Callable[[Statement], str]
    exact: bool
    criterion: Criterion | None
    is_large: bool = False


@dataclass(frozen=True)
class Plan:
    """Where to begin, and what to test then. Without a driver: all versions of the types, newest first."""

    type_names: tuple[str, ...]
    driver: Driver | None
    tests: tuple[Criterion, ...]

    @property
    def is_large(self) -> bool:
        return self.driver is None or self.driver.is_large

    @property
    def ordered_by(self) -> str:
        return "d.vid" if self.driver else "v.vid"

    def source(self, statement: Statement, version: str) -> tuple[str, str]:
        """FROM and WHERE. CROSS JOIN keeps SQLite to this order, and PostgreSQL as our connections are set."""
        if self.driver is None:
            source, said = f"version {version}", []
        else:
            rows = self.driver.select(statement)
            # Gathered in order: the versions behind them are looked up for one page only.
            inner = f"({rows})" if self.driver.exact else f"(SELECT DISTINCT vid FROM ({rows}) e ORDER BY vid DESC)"
            source, said = f"{inner} d CROSS JOIN version {version}", [f"{version}.vid = d.vid"]
        if len(self.type_names) == 1:
            said.append(statement.visible(version, self.type_names[0]))
        else:
            said.append(statement.visible_among(version, self.type_names))
        said += [criterion.test(statement, version) for criterion in self.tests]
        return source, " AND ".join(said)


async def plan(database: Reader, query: Query, *, purview: Purview, snapshot: int | None) -> Plan:
    driver = _at_hand(query, purview) or await _counted(database, query, purview, snapshot)
    consumed = driver.criterion if driver else None
    return Plan(query.type_names, driver, tuple(each for each in query.criteria if each is not consumed))


def _at_hand(query: Query, purview: Purview) -> Driver | None:
    """A beginning that is small by its nature: some ids, or what one patient has."""
    criteria = query.criteria
    for criterion in criteria:
        if isinstance(criterion, HasId) and not criterion.negated:
            return _by(criterion)
    if not all(in_patient_compartment(name) for name in query.type_names):
        return None
    references = [each for each in criteria if isinstance(each, ReferenceIs) and each.patient]
    patient = _confined_to(query.type_names, purview) or (references[0].patient if references else None)
    if patient is None:
        return None
    for criterion in criteria:
        if isinstance(criterion, TokenIs) and criterion.is_by_patient:
            return _by_patient_and_token(patient, criterion)
    return _by(references[0]) if references else _by_compartment(query.type_names, patient)


def _confined_to(type_names: tuple[str, ...], purview: Purview) -> str | None:
    """The one patient in whose compartment all matches must lie."""
    patients = {purview.patient("s", name) for name in type_names}
    return patients.pop() if len(patients) == 1 else None


def _by(criterion: Criterion, *, is_large: bool = False) -> Driver:
    def select(statement: Statement) -> str:
        rows = criterion.rows(statement)
        assert rows is not None, "only what has an index is chosen to begin with"
        return rows

    return Driver(select, criterion.reach == "exact", criterion, is_large)


def _by_patient_and_token(patient: str, token: TokenIs) -> Driver:
    def where(statement: Statement, i: str) -> str:
        prid = statement.resource("Patient", patient)
        return f"{i}.prid = {prid} AND {sp_among(i, token.sps)} AND {i}.h = {statement.bind(token.hash)}"

    return Driver(Rows("ix_ptoken", where).select, len(token.sps) == 1, token)


def _by_compartment(type_names: tuple[str, ...], patient: str) -> Driver:
    return Driver(_of(patient, type_names).select, exact=len(type_names) == 1, criterion=None)


async def _counted(database: Reader, query: Query, purview: Purview, snapshot: int | None) -> Driver | None:
    """The smallest of the sets that the criteria select; None when all are large."""
    sized = Statement(database.dialect, snapshot=snapshot, purview=purview)
    candidates: list[Criterion] = []
    counts: list[str] = []
    of_several = [_of_types(query.type_names, purview)] if len(query.type_names) > 1 else []
    for criterion in (*query.criteria, *of_several):
        rows = criterion.rows(sized)
        if rows is not None:
            counts.append(f"(SELECT count(*) FROM (SELECT 1 FROM ({rows}) e LIMIT {_counted_max(criterion)}) c)")
            candidates.append(criterion)
    if len(candidates) == 1 and candidates[0].reach == "exact" and not query.sort:
        return _by(candidates[0])
    if not candidates:
        return None
    [row] = await database.fetch(f"SELECT {', '.join(counts)}", *sized.arguments)
    return _smallest(candidates, row)


def _of_types(type_names: tuple[str, ...], purview: Purview) -> Criterion:
    """All that may be seen of several types: walking through the versions would meet few when they are rare."""
    by_patient: dict[str | None, list[str]] = {}
    for name in type_names:
        by_patient.setdefault(purview.patient("s", name), []).append(name)
    return Indexed(tuple(_of(patient, names) for patient, names in by_patient.items()))


def _of(patient: str | None, type_names: Sequence[str]) -> Rows:
    type_ids = ", ".join(str(definitions().type_id(name)) for name in type_names)
    if patient is None:
        return Rows("version", lambda statement, i: f"{i}.type_id IN ({type_ids})")

    def where(statement: Statement, i: str) -> str:
        return f"{i}.crid = {statement.resource('Patient', patient)} AND {i}.type_id IN ({type_ids})"

    return Rows("compartment", where)


def _counted_max(criterion: Criterion) -> int:
    return LINKED_MAX if isinstance(criterion, Chained | AnyLink) else COUNTED_MAX


def _smallest(candidates: Sequence[Criterion], sizes: Sequence[int]) -> Driver | None:
    known = [(size, place) for place, size in enumerate(sizes) if size < _counted_max(candidates[place])]
    if known:
        return _by(candidates[min(known)[1]])
    exact = [criterion for criterion in candidates if criterion.reach == "exact"]
    return _by(exact[0], is_large=True) if exact else None
