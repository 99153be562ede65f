"""Writes over HTTP: `python -m tests.bench.writes POSTGRESQL_URL`.

Creates a second at the owner, and resources a second imported by transactions of one patient's 111 resources each, at
the owner and through the gateway: everything validated, indexed and told. PostgreSQL's own `fsync` is printed, for it
decides what a commit costs.
"""

import asyncio
import json
import statistics
import sys
from typing import Any

import asyncpg

from tests.bench.filling import around_patient, patient_id
from tests.bench.http_load import Measured, Sent, measure
from tests.bench.stage import Stage, stage

ROUNDS, CREATES, BUNDLES = 3, 600, 12
CREATE_CLIENTS, IMPORT_CLIENTS = 16, 2
LIMITS = {"create at the owner": 600, "import at the owner": 1000, "import through the gateway": 700}


def main(server: str) -> None:
    with stage(server, around_patients=20) as on:
        asyncio.run(_reported(server, on))


async def _reported(server: str, on: Stage) -> None:
    connection = await asyncpg.connect(server)
    print("fsync", await connection.fetchval("SHOW fsync"), "synchronous_commit", end=" ")
    print(await connection.fetchval("SHOW synchronous_commit"))
    await connection.close()
    rates: dict[str, list[float]] = {name: [] for name in LIMITS}
    cpu: dict[str, list[float]] = {name: [] for name in LIMITS}
    for turn in range(ROUNDS):
        for name, (sent, clients, services, each) in _targets(on, turn).items():
            measured = await _sent_once(sent, clients, on.pids(*services))
            rates[name].append(measured.per_second * each)
            cpu[name].append(measured.cpu_us / each)
    for name, limit in LIMITS.items():
        rate = statistics.median(rates[name])
        spread = f"({min(rates[name]):.0f} to {max(rates[name]):.0f})"
        said = "met" if rate >= limit else "MISSED"
        print(
            f"{name:28}{rate:8.0f} resources/s {spread}, servers' cpu {statistics.median(cpu[name]):.0f} us each,",
            end="",
        )
        print(f" wanted at least {limit}: {said}")


async def _sent_once(sent: list[Sent], clients: int, pids: tuple[int, ...]) -> Measured:
    return await measure(sent, seconds=120, connections=clients, pids=pids, at_most=len(sent))


def _targets(on: Stage, turn: int) -> dict[str, tuple[list[Sent], int, tuple[str, ...], int]]:
    owner, gateway = on.owner("encounters"), on.access.demo["fhir"]
    direct, through = on.headers("encounters"), on.headers()
    created = json.dumps(_observation(turn)).encode()
    bundles = [_transaction(n % 20) for n in range(BUNDLES)]
    each = len(bundles[0]["entry"])
    bodies = [json.dumps(bundle).encode() for bundle in bundles]
    creates = [Sent.post(f"{owner}/Observation", direct, created)] * CREATES
    return {
        "create at the owner": (creates, CREATE_CLIENTS, ("encounters",), 1),
        "import at the owner": (
            [Sent.post(owner, direct, body) for body in bodies],
            IMPORT_CLIENTS,
            ("encounters",),
            each,
        ),
        "import through the gateway": (
            [Sent.post(gateway, through, body) for body in bodies],
            IMPORT_CLIENTS,
            ("gateway", "encounters", "patients"),
            each,
        ),
    }


def _observation(number: int) -> dict[str, Any]:
    resource = list(around_patient(number))[-1]
    del resource["id"]
    return resource


def _transaction(number: int) -> dict[str, Any]:
    """All around one patient that is there already, created anew: the patient itself is not in it."""
    entries = []
    addresses = {f"{each['resourceType']}/{each['id']}": each for each in around_patient(number)}
    del addresses[f"Patient/{patient_id(number)}"]
    for key, resource in addresses.items():
        text = json.dumps({name: value for name, value in resource.items() if name != "id"})
        for other in addresses:
            if other.startswith("Encounter/"):
                text = text.replace(f'"{other}"', f'"{_full_url(other)}"')
        entries.append(
            {
                "fullUrl": _full_url(key),
                "resource": json.loads(text),
                "request": {"method": "POST", "url": key.partition("/")[0]},
            }
        )
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def _full_url(key: str) -> str:
    kind, _, rest = key.partition("/")
    one, _, two = rest[1:].partition("-")
    return f"urn:uuid:00000000-0000-4000-8{ord(kind[0]):03x}-{int(one):06x}{int(two):06x}"


if __name__ == "__main__":
    main(sys.argv[1])
