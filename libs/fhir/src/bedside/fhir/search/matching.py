"""The ids a search finds, or those that what it finds refers to: what one owner tells another's search."""

from dataclasses import dataclass

from bedside.events.database.port import Reader
from bedside.fhir.definitions import definitions
from bedside.fhir.search.criteria import Statement, sp_among
from bedside.fhir.search.driving import Plan, plan
from bedside.fhir.search.purview import Purview
from bedside.fhir.search.query import Query

FOUND_MAX = 1000


@dataclass(frozen=True)
class Referred:
    """What the matches refer to by a parameter (its `sps`), as far as it is of the type `target`."""

    sps: tuple[int, ...]
    target: str


async def matching(
    reader: Reader, query: Query, *, referred: Referred | None, purview: Purview, snapshot: int
) -> list[str]:
    """Logical ids, each once; one more than FOUND_MAX when there are more than that."""
    chosen = await plan(reader, query, purview=purview, snapshot=snapshot)
    statement = Statement(reader.dialect, snapshot=snapshot, purview=purview)
    sql = _own(statement, chosen) if referred is None else _referred(statement, chosen, referred)
    rows = await reader.fetch(f"{sql} LIMIT {FOUND_MAX + 1}", *statement.arguments)
    return [row[0] for row in rows]


async def now(reader: Reader) -> int:
    """The snapshot of a search that begins now."""
    [row] = await reader.fetch("SELECT coalesce(max(txn), 0) FROM txn")
    return int(row[0])


def _own(statement: Statement, chosen: Plan) -> str:
    source, said = chosen.source(statement, "v")
    return f"SELECT r.fid FROM {source} CROSS JOIN resource r WHERE {said} AND r.rid = v.rid"


def _referred(statement: Statement, chosen: Plan, referred: Referred) -> str:
    source, said = chosen.source(statement, "v")
    return (
        f"SELECT DISTINCT r.fid FROM {source} CROSS JOIN ix_ref i CROSS JOIN resource r WHERE {said}"
        f" AND i.vid = v.vid AND {sp_among('i', referred.sps)} AND r.rid = i.trid"
        f" AND r.type_id = {definitions().type_id(referred.target)}"
    )
