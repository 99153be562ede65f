"""The newest observations of each code, as one statement on index rows: bodies are fetched of those alone.

The rows of a code's tokens tell codes apart by hash: (how many, least, greatest, sum). Codes that share a coding and
differ in another come as several; whoever reads the bodies joins them, and loses nothing, for each brings its newest.
"""

from bedside.events.database.port import Reader
from bedside.fhir.definitions import definitions
from bedside.fhir.search.criteria import Statement, sp_among
from bedside.fhir.search.driving import Plan, plan
from bedside.fhir.search.hashing import CONTINUED
from bedside.fhir.search.moments import EVER
from bedside.fhir.search.parameters import parameters
from bedside.fhir.search.purview import Purview
from bedside.fhir.search.query import Query
from bedside.fhir.search.running import Stored

ROWS_MAX = 5000
# A sum of hashes themselves would not fit 64 bits.
_MODULUS = 1_000_000_007


async def latest(
    reader: Reader, query: Query, *, patient: str, newest: int, purview: Purview, snapshot: int | None
) -> list[Stored]:
    """Newest first; `newest` of each code. One more than ROWS_MAX when there are too many."""
    chosen = await plan(reader, query, purview=purview, snapshot=snapshot)
    statement = Statement(reader.dialect, snapshot=snapshot, purview=purview)
    rows = await reader.fetch(_select(statement, chosen, patient, newest), *statement.arguments)
    return [
        Stored(definitions().type_name(type_id), id, version, updated, bytes(body), vid, rid)
        for id, version, updated, body, vid, rid, type_id in rows
    ]


def _select(statement: Statement, chosen: Plan, patient: str, newest: int) -> str:
    known = parameters("Observation")
    code, date = known["code"].sps, known["date"].sps
    source, said = chosen.source(statement, "v")
    text = f"SELECT min(t.xh) FROM ix_string t WHERE t.vid = c.vid AND {sp_among('t', code)} AND t.xh <> {CONTINUED}"
    moment = f"SELECT max(d.lo) FROM ix_date d WHERE d.vid = c.vid AND {sp_among('d', date)}"
    return (
        f"WITH c AS (SELECT v.vid AS vid FROM {source} WHERE {said}),"
        f" k AS (SELECT p.vid AS vid, count(*) AS n, min(p.h) AS lo, max(p.h) AS hi, sum(p.h % {_MODULUS}) AS s"
        f" FROM ix_ptoken p WHERE p.prid = {statement.resource('Patient', patient)} AND {sp_among('p', code)}"
        " GROUP BY p.vid),"
        f" q AS (SELECT c.vid AS vid, k.n AS n, k.lo AS lo, k.hi AS hi, k.s AS s,"
        f" CASE WHEN k.n IS NULL THEN ({text}) END AS x, coalesce(({moment}), -{EVER}) AS at"
        " FROM c LEFT JOIN k ON k.vid = c.vid),"
        " w AS (SELECT vid, at, row_number() OVER (PARTITION BY n, lo, hi, s, x ORDER BY at DESC, vid DESC) AS place"
        " FROM q)"
        " SELECT r.fid, v.ver, v.ts, v.body, v.vid, v.rid, v.type_id FROM w CROSS JOIN version v CROSS JOIN resource r"
        f" WHERE w.place <= {statement.bind(newest)} AND v.vid = w.vid AND r.rid = v.rid"
        f" ORDER BY w.at DESC, w.vid DESC LIMIT {ROWS_MAX + 1}"
    )
