"""Which index a search begins with: the one that leaves the least to look at."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bedside.events.database.port import Reader
from bedside.fhir.definitions import definitions
from bedside.fhir.search.criteria import (
    Criterion,
    HasId,
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


@dataclass(frozen=True)
class Driver:
    """`select` is `SELECT vid …`. When `exact`, each version comes once and in order. It replaces `criterion`."""

    select: Callable[[Statement], str]
    exact: bool
    criterion: Criterion | None


@dataclass(frozen=True)
class Plan:
    """Where to begin, and what to test then. Without a driver: all versions of the type, newest first."""

    type_name: str
    driver: Driver | None
    tests: tuple[Criterion, ...]

    @property
    def ordered_by(self) -> str:
        return "d.vid" if self.driver else "v.vid"

    def source(self, statement: Statement, version: str) -> tuple[str, str]:
        """FROM and WHERE. CROSS JOIN keeps SQLite to this order; PostgreSQL chooses for itself."""
        if self.driver is None:
            source, said = f"version {version}", []
        else:
            rows = self.driver.select(statement)
            inner = f"({rows})" if self.driver.exact else f"(SELECT DISTINCT vid FROM ({rows}) e)"
            source, said = f"{inner} d CROSS JOIN version {version}", [f"{version}.vid = d.vid"]
        said.append(statement.visible(version, self.type_name))
        said += [criterion.test(statement, version) for criterion in self.tests]
        return source, " AND ".join(said)


async def plan(database: Reader, query: Query, *, purview: Purview, snapshot: int | None) -> Plan:
    driver = _at_hand(query, purview) or await _counted(database, query, purview, snapshot)
    consumed = driver.criterion if driver else None
    return Plan(query.type_name, driver, tuple(each for each in query.criteria if each is not consumed))


def _at_hand(query: Query, purview: Purview) -> Driver | None:
    """A beginning that is small by its nature: some ids, or what one patient has."""
    criteria = query.criteria
    for criterion in criteria:
        if isinstance(criterion, HasId):
            return _by(criterion)
    if not in_patient_compartment(query.type_name):
        return None
    references = [each for each in criteria if isinstance(each, ReferenceIs) and each.patient]
    patient = purview.patient("s", query.type_name) or (references[0].patient if references else None)
    if patient is None:
        return None
    for criterion in criteria:
        if isinstance(criterion, TokenIs) and criterion.is_by_patient:
            return _by_patient_and_token(patient, criterion)
    return _by(references[0]) if references else _by_compartment(query.type_name, patient)


def _by(criterion: Criterion) -> Driver:
    def select(statement: Statement) -> str:
        rows = criterion.rows(statement)
        assert rows is not None, "only what has an index is chosen to begin with"
        return rows

    return Driver(select, criterion.reach == "exact", criterion)


def _by_patient_and_token(patient: str, token: TokenIs) -> Driver:
    def where(statement: Statement, i: str) -> str:
        prid = statement.resource("Patient", patient)
        return f"{i}.prid = {prid} AND {sp_among(i, token.sps)} AND {i}.h = {statement.bind(token.hash)}"

    return Driver(Rows("ix_ptoken", where).select, len(token.sps) == 1, token)


def _by_compartment(type_name: str, patient: str) -> Driver:
    def where(statement: Statement, i: str) -> str:
        crid = statement.resource("Patient", patient)
        return f"{i}.crid = {crid} AND {i}.type_id = {definitions().type_id(type_name)}"

    return Driver(Rows("compartment", where).select, exact=True, criterion=None)


async def _counted(database: Reader, query: Query, purview: Purview, snapshot: int | None) -> Driver | None:
    """The smallest of the sets that the criteria select; None when all are large."""
    sized = Statement(database.dialect, snapshot=snapshot, purview=purview)
    candidates: list[Criterion] = []
    counts: list[str] = []
    for criterion in query.criteria:
        rows = criterion.rows(sized)
        if rows is not None:
            counts.append(f"(SELECT count(*) FROM (SELECT 1 FROM ({rows}) e LIMIT {COUNTED_MAX}) c)")
            candidates.append(criterion)
    if len(candidates) == 1 and candidates[0].reach == "exact":
        return _by(candidates[0])
    if not candidates:
        return None
    [row] = await database.fetch(f"SELECT {', '.join(counts)}", *sized.arguments)
    return _smallest(candidates, row)


def _smallest(candidates: Sequence[Criterion], sizes: Sequence[int]) -> Driver | None:
    size, place = min((size, place) for place, size in enumerate(sizes))
    if size < COUNTED_MAX:
        return _by(candidates[place])
    exact = [criterion for criterion in candidates if criterion.reach == "exact"]
    return _by(exact[0]) if exact else None
