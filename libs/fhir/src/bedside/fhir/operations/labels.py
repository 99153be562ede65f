"""Which labels are in use: one resource for each, found by the index."""

from collections.abc import Sequence

from bedside.events.database.port import Reader
from bedside.fhir.search.criteria import Statement, sp_among
from bedside.fhir.search.hashing import PRESENT
from bedside.fhir.search.parameters import parameters
from bedside.fhir.search.purview import Purview

LABELS_MAX = 1000


async def labelled(reader: Reader, type_names: Sequence[str], purview: Purview) -> list[bytes]:
    """A body for each profile, tag and security label that a readable resource of these types bears.

    At most one more than LABELS_MAX of them.
    """
    statement = Statement(reader.dialect, snapshot=None, purview=purview)
    found = [
        _newest(statement, "ix_token", "h", ("_tag", "_security"), type_names, f" AND i.h <> {PRESENT}"),
        _newest(statement, "ix_uri", "uri", ("_profile",), type_names, ""),
    ]
    rows = await reader.fetch(
        f"SELECT w.body FROM (SELECT DISTINCT vid FROM ({' UNION ALL '.join(found)}) e LIMIT {LABELS_MAX + 1}) d"
        " CROSS JOIN version w WHERE w.vid = d.vid ORDER BY w.vid",
        *statement.arguments,
    )
    return [bytes(row[0]) for row in rows]


def _newest(
    statement: Statement, table: str, label: str, codes: Sequence[str], type_names: Sequence[str], also: str
) -> str:
    sps = sorted({sp for name in type_names for code in codes for sp in parameters(name)[code].sps})
    return (
        f"SELECT max(v.vid) AS vid FROM {table} i CROSS JOIN version v WHERE {sp_among('i', sps)}{also}"
        f" AND v.vid = i.vid AND {statement.visible_among('v', type_names, 'r')} GROUP BY i.sp, i.{label}"
    )
