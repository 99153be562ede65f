"""How PostgreSQL runs the searches that everyone asks: by index, however little it has counted so far."""

import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from bedside.events.database import Database, Row
from bedside.events.database.port import Reader
from bedside.fhir.search.asked import Facility
from bedside.fhir.search.purview import UNCONFINED
from bedside.fhir.search.query import parse
from bedside.fhir.search.running import run
from bedside.fhir.store.testing import fresh_database
from tests.bench.filling import BASE, fill
from tests.bench.growth import SEARCHES

pytestmark = pytest.mark.servers
_SCANNED = re.compile(r"Seq Scan on (version|resource|compartment|ix_\w+)")


class Explained:
    """A reader that asks for the plan of each statement before it runs it."""

    dialect = "postgresql"

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.plans: list[str] = []

    async def fetch(self, sql: str, *arguments: Any) -> Sequence[Row]:
        plan = await self._reader.fetch(f"EXPLAIN {sql}", *arguments)
        self.plans.append("\n".join(row[0] for row in plan))
        return await self._reader.fetch(sql, *arguments)

    async def fetch_row(self, sql: str, *arguments: Any) -> Row | None:
        return next(iter(await self.fetch(sql, *arguments)), None)


@pytest.fixture
async def filled(tmp_path: Path) -> AsyncIterator[Database]:
    async with fresh_database("postgresql", tmp_path) as database:
        await fill(database, first=0, last=15)
        yield database


async def test_no_search_reads_a_whole_table_before_or_after_statistics_are_gathered(filled: Database) -> None:
    for analysed in (False, True):
        if analysed:
            async with filled.transaction() as connection:
                await connection.execute("ANALYZE")
        for name, query, _ in SEARCHES:
            explained = Explained(filled)
            type_name, _, asked = query(3).partition("?")
            parsed = parse(type_name, parse_qsl(asked), facility=Facility(BASE))
            await run(explained, parsed, purview=UNCONFINED)  # type: ignore[arg-type]
            scanned = [found for plan in explained.plans for found in _SCANNED.findall(plan)]
            assert (name, scanned) == (name, [])
            assert explained.plans, name
