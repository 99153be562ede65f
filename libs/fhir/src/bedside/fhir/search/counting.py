"""`_total`: how many match. http://hl7.org/fhir/R4/search.html#total

An estimate counts as far as `COUNTED_MAX` and then concludes: if the newest thousand matches lie within the newest
tenth of all versions, there are about ten thousand. It costs the same however much is stored.
"""

from bedside.events.database.port import Reader
from bedside.fhir.definitions import definitions
from bedside.fhir.search.criteria import Statement
from bedside.fhir.search.driving import Plan
from bedside.fhir.search.purview import Purview

COUNTED_MAX = 1000


async def accurate(database: Reader, plan: Plan, *, snapshot: int | None, purview: Purview) -> int:
    """All that match at the snapshot."""
    statement = Statement(database.dialect, snapshot=snapshot, purview=purview)
    source, said = plan.source(statement, "v")
    [row] = await database.fetch(f"SELECT count(*) FROM {source} WHERE {said}", *statement.arguments)
    return int(row[0])


async def estimated(database: Reader, plan: Plan, *, snapshot: int | None, purview: Purview) -> int:
    """Exact below `COUNTED_MAX`, and for whoever may see portions only: the guess would tell how much lies between."""
    if not all(purview.is_whole("s", name) for name in plan.type_names):
        return await accurate(database, plan, snapshot=snapshot, purview=purview)
    statement = Statement(database.dialect, snapshot=snapshot, purview=purview)
    source, said = plan.source(statement, "v")
    newest = f"SELECT v.vid AS vid FROM {source} WHERE {said} ORDER BY {plan.ordered_by} DESC LIMIT {COUNTED_MAX}"
    [row] = await database.fetch(
        f"SELECT count(*), min(e.vid), max(e.vid), ({_oldest(plan)}) FROM ({newest}) e", *statement.arguments
    )
    counted, lowest, highest, oldest = row
    if counted < COUNTED_MAX:
        return int(counted)
    return int(counted * (highest - oldest + 1) / (highest - lowest + 1))


def _oldest(plan: Plan) -> str:
    of_type = f" WHERE type_id = {definitions().type_id(plan.type_names[0])}" if len(plan.type_names) == 1 else ""
    return f"SELECT min(vid) FROM version{of_type}"
