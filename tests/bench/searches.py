"""Searches against reads of the same owner: `python -m tests.bench.searches POSTGRESQL_URL [PATIENTS]`.

With PATIENTS (default 200) times 112 resources in the two owners. One connection, many different patients, rounds
interleaved with reads; each line is p50 over the p50 of a read of the same owner, first pages of 10.
"""

import asyncio
import statistics
import sys
from collections.abc import Callable
from functools import partial

from tests.bench.filling import MRN, patient_id
from tests.bench.http_load import Measured, Sent, measure, ratios, verdict
from tests.bench.stage import Stage, stage

ROUNDS, SECONDS, DIFFERENT = 5, 1.0, 50


def main(server: str, around_patients: int) -> None:
    with stage(server, around_patients=around_patients) as on:
        asyncio.run(_reported(on, around_patients))


async def _reported(on: Stage, patients: int) -> None:
    for name, base, headers, searches in _tables(on):
        reads = _requests(base, headers, partial(_read_of, name), patients)
        pids = on.pids("patients", "encounters", "gateway")
        print(f"{name}:")
        for said, query, most in searches:
            sent = _requests(base, headers, query, patients)
            found, read = [], []
            for _ in range(ROUNDS):
                read.append(await measure(reads, seconds=SECONDS, connections=1, pids=pids))
                found.append(await measure(sent, seconds=SECONDS, connections=1, pids=pids))
            print(verdict(said, ratios(found, read, by="p50_ms"), most=most), _figures(found), "read", _figures(read))


Query = Callable[[int], str]
Search = tuple[str, Query, float]


def _tables(on: Stage) -> list[tuple[str, str, dict[str, str], list[Search]]]:
    of_encounters: list[Search] = [
        ("patient and code", lambda n: f"Observation?patient={patient_id(n)}&code=8867-4&_count=10", 2),
        ("date, one day", lambda n: f"Observation?date=2022-{n % 12 + 1:02}-15&_count=10", 4),
        ("date, from a day on", lambda n: f"Observation?date=ge2022-{n % 12 + 1:02}-15&_count=10", 4),
        ("token, in every 6th", lambda n: "Observation?code=http://loinc.org|8867-4&_count=10", 4),
        ("token, of a problem", lambda n: "Condition?code=44054006&_count=10", 4),
    ]
    of_patients: list[Search] = [
        ("string, a prefix", lambda n: f"Patient?name={'ABCDEFGHIJ'[n % 10]}&_count=10", 4),
        ("string, a whole name", lambda n: f"Patient?family=ab&given={'ABCDEFGHIJ'[n % 10]}&_count=10", 4),
        ("token, an identifier", lambda n: f"Patient?identifier={MRN}|MRN-{n:07}", 4),
        ("date, a year of birth", lambda n: f"Patient?birthdate={1940 + n % 50}&_count=10", 4),
    ]
    crossing: list[Search] = [
        ("patient and code", lambda n: f"Observation?patient={patient_id(n)}&code=8867-4&_count=10", 2),
        ("chain across the owners", lambda n: f"Encounter?patient.identifier={MRN}|MRN-{n:07}&_count=10", 8),
    ]
    return [
        ("encounters", on.owner("encounters"), on.headers("encounters"), of_encounters),
        ("patients", on.owner("patients"), on.headers("patients"), of_patients),
        ("gateway", on.access.demo["fhir"], on.headers(), crossing),
    ]


def _read_of(name: str, n: int) -> str:
    return f"Patient/{patient_id(n)}" if name == "patients" else f"Observation/o{n}-1"


def _requests(base: str, headers: dict[str, str], query: Query, patients: int) -> list[Sent]:
    return [Sent.get(f"{base}/{query(n * 7 % patients)}", headers) for n in range(DIFFERENT)]


def _figures(measured: list[Measured]) -> str:
    half = statistics.median(one.p50_ms for one in measured)
    cpu = statistics.median(one.cpu_us for one in measured)
    return f"p50 {half:.2f} ms, cpu {cpu:.0f} us;"


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 200)
