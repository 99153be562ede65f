"""What grows as data grow: `python -m tests.bench.growth POSTGRESQL_URL --sizes 10000,100000,1000000`.

Fills one database to each size in turn and measures, at each, p50 and processor time (ours and PostgreSQL's backend) of
reads, searches and a create at the store, below HTTP. Prints a table, with the growth for ten times as much, and draws
docs/growth.svg. `--database NAME` measures a database that is there already, at the last size, and leaves it.
"""

import argparse
import asyncio
import math
import os
import random
import statistics
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qsl

import asyncpg
import orjson

from bedside.events.database import Database, open_database
from bedside.events.migrating import migrate
from bedside.fhir.search.asked import Facility
from bedside.fhir.search.purview import UNCONFINED
from bedside.fhir.search.query import parse
from bedside.fhir.search.running import run
from bedside.fhir.store import current
from bedside.fhir.store.draft import Author, Draft
from bedside.fhir.store.preparing import prepare
from bedside.fhir.store.store import new_store
from tests.bench.filling import BASE, MRN, OF_ONE_PATIENT, SERVICE, around_patient, fill, patient_id
from tests.bench.plot import Line, plot

TIMES_MAX, SECONDS_MAX, WARM = 200, 3.0, 8
# Past this, ten times as much costs more than a logarithm would explain.
GROWTH_MAX = 2.0
PLOT = Path(__file__).parents[2] / "docs" / "growth.svg"
Job = Callable[[int], Awaitable[object]]
# Name, query of the n-th patient, and why it has to grow, if it has to.
SEARCHES: tuple[tuple[str, Callable[[int], str], str], ...] = (
    ("patient and code", lambda n: f"Observation?patient={patient_id(n)}&code=8867-4&_count=10", ""),
    ("date, one day", lambda n: f"Observation?date=2022-{n % 12 + 1:02}-15&_count=10", ""),
    ("date, from a day on", lambda n: f"Observation?date=ge2022-{n % 12 + 1:02}-15&_count=10", ""),
    ("string, a prefix", lambda n: f"Patient?name={'ABCDEFGHIJ'[n % 10]}&_count=10", ""),
    ("token, an identifier", lambda n: f"Patient?identifier={MRN}|MRN-{n:07}", ""),
    ("token, every 6th", lambda n: "Observation?code=http://loinc.org|8867-4&_count=10", ""),
    ("token and a month", lambda n: f"Observation?code=718-7&date=2022-{n % 12 + 1:02}&_count=10", ""),
    ("chain to a name", lambda n: f"Observation?subject:Patient.name=abler{'abcdefgh'[n % 8]}&_count=10", ""),
    ("_has", lambda n: "Patient?_has:Observation:patient:code=4548-4&_count=10", ""),
    ("sorted, of one patient", lambda n: f"Observation?patient={patient_id(n)}&_sort=-date&_count=10", ""),
    ("sorted, of all", lambda n: "Observation?_sort=-date&_count=10", ""),
    ("sorted, of every 6th", lambda n: "Observation?code=8867-4&_sort=-date&_count=10", ""),
    ("_lastUpdated, none since", lambda n: "Observation?_lastUpdated=gt2099-01-01&_count=10", ""),
    ("_include", lambda n: f"Observation?patient={patient_id(n)}&_include=Observation:encounter&_count=10", ""),
    ("count, estimated", lambda n: "Observation?code=8867-4&_total=estimate&_count=10", ""),
    ("count, accurate", lambda n: "Condition?code=44054006&_summary=count", "counts what matches"),
)


class Growth:
    """The figures of one database as it is now: microseconds of p50, and of processor time."""

    def __init__(self, database: Database, backend: int, patients: int) -> None:
        self._database = database
        self._backend = backend
        self._patients = patients
        self._store = new_store(SERVICE, database=database, base_url=BASE)
        self._created = orjson.dumps(list(around_patient(0))[-1])

    async def figures(self) -> dict[str, tuple[float, float]]:
        jobs: dict[str, Job] = {"read": self._read, "history of a type": self._history, "create": self._create}
        jobs |= {name: self._searching(query) for name, query, _ in SEARCHES}
        return {name: await self._measured(job) for name, job in jobs.items()}

    async def _measured(self, job: Job) -> tuple[float, float]:
        chance = random.Random(1)
        for _ in range(WARM):
            await job(chance.randrange(self._patients))
        times: list[float] = []
        before, ours = self._backend_ns(), time.thread_time()
        while len(times) < TIMES_MAX and sum(times) < SECONDS_MAX:
            begun = time.perf_counter()
            await job(chance.randrange(self._patients))
            times.append(time.perf_counter() - begun)
        spent = (self._backend_ns() - before) / 1e9 + time.thread_time() - ours
        return statistics.median(times) * 1e6, spent / len(times) * 1e6

    def _backend_ns(self) -> int:
        """Nanoseconds on a processor (Linux); nothing where the server runs elsewhere."""
        with suppress(OSError):
            return int(Path(f"/proc/{self._backend}/schedstat").read_text().split()[0])
        return 0

    async def _read(self, number: int) -> object:
        return await current.read(self._database, "Observation", f"o{number}-1")

    async def _history(self, number: int) -> object:
        return await self._searching(lambda _: "Observation?_count=10")(number)

    async def _create(self, number: int) -> object:
        resource = orjson.loads(self._created)
        draft = Draft("create", resource["resourceType"], uuid.uuid4().hex, resource)
        prepare(SERVICE, [draft])
        return await self._store.commit([draft], Author(who="bench", request_id="bench"))

    def _searching(self, query: Callable[[int], str]) -> Job:
        async def search(number: int) -> object:
            type_name, _, asked = query(number).partition("?")
            parsed = parse(type_name, parse_qsl(asked), facility=Facility(BASE))
            return await run(self._database, parsed, purview=UNCONFINED)

        return search


async def measured(url: str, patients: int) -> dict[str, tuple[float, float]]:
    database = await open_database(url, connections_max=1)
    row = await database.fetch_row("SELECT pg_backend_pid()")
    assert row is not None, "a function call gives a row"
    figures = await Growth(database, row[0], patients).figures()
    await database.close()
    return figures


async def filled(url: str, first: int, last: int) -> None:
    database = await open_database(url)
    await fill(database, first=first, last=last)
    await database.close()
    # As an autovacuum would by and by.
    connection = await asyncpg.connect(url)
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


async def grown(server: str, name: str, sizes: list[int]) -> dict[int, dict[str, tuple[float, float]]]:
    url = f"{server.rsplit('/', 1)[0]}/{name}"
    await _on(server, f"CREATE DATABASE {name}")
    results: dict[int, dict[str, tuple[float, float]]] = {}
    try:
        for packages in ("bedside.events", "bedside.fhir"):
            await asyncio.to_thread(migrate, url, packages)
        for before, size in zip([0, *sizes], sizes, strict=False):
            begun = time.perf_counter()
            await filled(url, before // OF_ONE_PATIENT, size // OF_ONE_PATIENT)
            print(f"filled to {size}: {(size - before) / (time.perf_counter() - begun):.0f} resources/s", flush=True)
            results[size] = await measured(url, size // OF_ONE_PATIENT)
    finally:
        await _on(server, f"DROP DATABASE {name} WITH (FORCE)")
    return results


async def _on(server: str, statement: str) -> None:
    connection = await asyncpg.connect(server)
    await connection.execute(statement)
    await connection.close()


def report(results: dict[int, dict[str, tuple[float, float]]]) -> None:
    sizes = sorted(results)
    must = {name: why for name, _, why in SEARCHES if why}
    print("| microseconds: p50 (processor) | " + " | ".join(f"{size:,}" for size in sizes) + " | for each ×10 | |")
    print("|---" * (len(sizes) + 3) + "|")
    for name in results[sizes[0]]:
        cells = [f"{results[size][name][0]:.0f} ({results[size][name][1]:.0f})" for size in sizes]
        growth = _for_ten_times(results, sizes, name)
        said = "" if growth <= GROWTH_MAX else f"must: {must[name]}" if name in must else "GROWS"
        print(f"| {name} | {' | '.join(cells)} | ×{growth:.2f} | {said} |")


def _for_ten_times(results: dict[int, dict[str, tuple[float, float]]], sizes: list[int], name: str) -> float:
    """By processor time: the clock also counts what else the machine does."""
    if len(sizes) < 2:
        return 1.0
    decades = math.log10(sizes[-1] / sizes[0])
    return float((results[sizes[-1]][name][1] / results[sizes[0]][name][1]) ** (1 / decades))


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("server")
    given.add_argument("--sizes", default="10000,100000,1000000")
    given.add_argument("--database", action="append", help="measure this one, one for each size, instead of filling")
    asked = given.parse_args()
    sizes = [int(size) for size in asked.sizes.split(",")]
    if asked.database:
        root = asked.server.rsplit("/", 1)[0]
        results = {
            size: asyncio.run(measured(f"{root}/{name}", size // OF_ONE_PATIENT))
            for size, name in zip(sizes, asked.database, strict=True)
        }
    else:
        results = asyncio.run(grown(asked.server, f"growth{os.getpid()}", sizes))
    report(results)
    lines = [Line(name, [(size, results[size][name][0]) for size in sizes]) for name in results[sizes[0]]]
    PLOT.write_text(plot(lines, across="resources", up="p50, microseconds"))


if __name__ == "__main__":
    main()
