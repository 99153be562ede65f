"""Reads of one Patient: a bare handler, the owner, the gateway, in turn: `python -m tests.bench.reads POSTGRESQL_URL`.

Each runs as its own process on the same PostgreSQL; rounds are interleaved, so that a noisy machine is noisy for all.
Prints requests a second, servers' processor time for one request, and the two ratios with their spread.
"""

import asyncio
import statistics
import sys

from bedside.fhir.definitions import definitions
from tests.bench.http_load import Measured, Sent, measure, ratios, verdict
from tests.bench.stage import asgi, stage

ROUNDS, SECONDS, CONNECTIONS = 7, 2.0, 8
BARE_PORT = 8469
PATIENT = {
    "resourceType": "Patient",
    "id": "bench",
    "active": True,
    "identifier": [{"system": "http://hospital.example.org/mrn", "value": "BENCH-1"}],
    "name": [{"use": "official", "family": "Okafor", "given": ["Margaret", "Ellen"]}],
    "telecom": [{"system": "phone", "use": "mobile", "value": "+44 7700 900123", "rank": n} for n in range(1, 20)],
    "gender": "female",
    "birthDate": "1954-11-02",
    "address": [{"line": [f"{n} Mill Lane"], "city": "Leeds", "postalCode": "LS1 4AB"} for n in range(12)],
}
Target = tuple[Sent, tuple[int, ...]]


def main(server: str) -> None:
    with stage(server) as on:
        on.access.fhir(on.access.client_token()).put("Patient/bench", json=PATIENT).raise_for_status()
        environment = {
            "BENCH_DATABASE_URL": f"{on.url}_patients",
            "BENCH_TYPE_ID": str(definitions().type_id("Patient")),
            "BENCH_ID": "bench",
        }
        with asgi("tests.bench.bare:app", port=BARE_PORT, environment=environment) as bare:
            owner = Sent.get(f"{on.owner('patients')}/Patient/bench", on.headers("patients"))
            gateway = Sent.get(f"{on.access.demo['fhir']}/Patient/bench", on.headers())
            targets: dict[str, Target] = {
                "bare": (Sent.get(f"http://127.0.0.1:{BARE_PORT}/", {}), (bare,)),
                "owner": (owner, on.pids("patients")),
                "gateway": (gateway, on.pids("gateway", "patients")),
            }
            report(asyncio.run(rounds(targets)))


async def rounds(targets: dict[str, Target]) -> dict[str, list[Measured]]:
    results: dict[str, list[Measured]] = {name: [] for name in targets}
    for _ in range(ROUNDS):
        for name, (sent, pids) in targets.items():
            results[name].append(await measure([sent], seconds=SECONDS, connections=CONNECTIONS, pids=pids))
    return results


def report(results: dict[str, list[Measured]]) -> None:
    for name, measured in results.items():
        rate = statistics.median(one.per_second for one in measured)
        cpu = statistics.median(one.cpu_us for one in measured)
        half = statistics.median(one.p50_ms for one in measured)
        tail = statistics.median(one.percentile_ms(0.99) for one in measured)
        print(f"{name:8}{rate:8.0f}/s {cpu:8.0f} us cpu   p50 {half:6.2f} ms  p99 {tail:6.2f} ms")
    for above, below in (("owner", "bare"), ("gateway", "owner")):
        print(verdict(f"{above} / {below}", ratios(results[above], results[below], by="per_second"), least=0.5))


if __name__ == "__main__":
    main(sys.argv[1])
