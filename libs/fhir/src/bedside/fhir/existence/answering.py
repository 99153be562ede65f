"""`POST /internal/existence`: other owners ask what of ours exists."""

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response

from bedside.fhir import exact_json
from bedside.fhir.existence.retirement import survivor_of
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.rest.exchange import Exchange
from bedside.fhir.rest.interaction import Interaction
from bedside.fhir.store import current
from bedside.fhir.store.references import local

REFERENCES_MAX = 20_000
SCOPE = "existence.read"


async def _existence(exchange: Exchange) -> Response:
    refuse_strangers(exchange)
    asked = asked_references(await exchange.body())
    types = exchange.engine.service.types
    own = {key for key in asked if local(key) == key and key.partition("/")[0] in types}
    async with exchange.engine.store.database.snapshot() as reader:
        numbers = await current.numbers(reader, own)
        vids = {known.vid: key for key, known in numbers.items() if known.vid is not None}
        versions = {vids[vid]: version for vid, version in (await current.versions(reader, vids)).items()}
        patients = await current.patients(reader, [vid for vid, key in vids.items() if not key.startswith("Patient/")])
    answer = {key: _told(versions.get(key), patients) for key in sorted(own)}
    return Response(orjson.dumps({"existence": answer}), media_type="application/json")


def _told(version: current.Version | None, patients: Mapping[int, list[str]]) -> dict[str, Any]:
    if version is None or version.deleted:
        return {"exists": False, "version": version.version if version else 0}
    told: dict[str, Any] = {"exists": True, "version": version.version}
    if b'"replaced-by"' in version.body:
        told["survivor"] = survivor_of(exact_json.parse(version.body))
    if version.vid in patients:
        told["patients"] = patients[version.vid]
    return told


def refuse_strangers(exchange: Exchange) -> None:
    """Refused with 403 for anyone but a service."""
    # Whether a record exists is a secret in itself: only services may ask, never on a person's behalf.
    if not exchange.caller.holds(SCOPE) and not exchange.caller.holds(f"system/{SCOPE}"):
        raise Refused(403, [Issue("forbidden", "only the services of this system may ask")])


def asked_references(body: bytes) -> list[str]:
    """`{"references": [Type/id, …]}`. Refused when it is not that, or too many."""
    try:
        references = orjson.loads(body)["references"]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise Refused(400, [Issue("structure", "send {references: [Type/id, …]}")]) from error
    if not isinstance(references, list) or not all(isinstance(one, str) for one in references):
        raise Refused(400, [Issue("structure", "references is an array of strings")])
    if len(references) > REFERENCES_MAX:
        raise Refused(413, [Issue("too-long", f"at most {REFERENCES_MAX} references can be asked about at once")])
    return references


EXISTENCE = Interaction("existence", "POST", "/internal/existence", "services", _existence)
