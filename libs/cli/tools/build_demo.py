"""Makes the demo's patients, ahead of time: `python libs/cli/tools/build_demo.py GENERATED_FOLDER EXAMPLES_FOLDER`.

GENERATED_FOLDER is what `synthea generate -p 40 -s 2026 -r 20260615 --profile none -o …` wrote under `fhir/`. It is
thinned to what a chart shows: bills and documents go, and of visits and measurements the last years stay.
"""

import json
import lzma
import sys
from pathlib import Path
from typing import Any

PATIENTS = 30
RESOURCES_MAX = 240
VISITS_SINCE = "2024-06-15"
IMMUNIZATIONS_SINCE = "2018-06-15"
KEPT = {
    "Patient", "Practitioner", "Organization", "Location", "Encounter", "Observation", "Condition", "Procedure",
    "Immunization", "MedicationRequest", "AllergyIntolerance", "CareTeam", "CarePlan", "Goal", "DiagnosticReport",
}  # fmt: skip
ALWAYS = {"Patient", "AllergyIntolerance"}
PLACES = {"Practitioner", "Organization", "Location"}
# "Medication review due": the generator writes one as a diagnosis at almost every visit.
CHORE = "314529007"
TARGET = Path(__file__).parents[1] / "src" / "bedside" / "cli" / "demo"


def main(generated: Path, examples: Path) -> None:
    bundles = [json.loads(path.read_text()) for path in sorted(generated.glob("*.json"))]
    thinned = [thin(bundle) for bundle in bundles]
    chosen = sorted((b for b in thinned if 20 < len(b["entry"]) <= RESOURCES_MAX), key=lambda b: len(b["entry"]))
    chosen = chosen[-PATIENTS:]
    write("generated", chosen)
    write("examples", [json.loads(path.read_text()) for path in sorted(examples.glob("p*/bundle.json"))])
    print(len(chosen), "patients,", sum(len(bundle["entry"]) for bundle in chosen), "resources")


def thin(bundle: dict[str, Any]) -> dict[str, Any]:
    entries = [e for e in bundle["entry"] if e["resource"]["resourceType"] in KEPT]
    visits = {
        e["fullUrl"]
        for e in entries
        if e["resource"]["resourceType"] == "Encounter" and e["resource"]["period"]["start"] >= VISITS_SINCE
    }
    kept = [e for e in entries if wanted(e, visits)]
    # What nothing refers to any more goes as well, and then what only that referred to.
    while True:
        known = {e["fullUrl"] for e in kept}
        kept = [dict(e, resource=without(e["resource"], known)) for e in kept]
        mentioned = set().union(*(references(e["resource"]) for e in kept))
        used = [e for e in kept if e["resource"]["resourceType"] not in PLACES or e["fullUrl"] in mentioned]
        if len(used) == len(kept):
            break
        kept = used
    return {"resourceType": "Bundle", "type": "transaction", "entry": [by_id(e, known) for e in kept]}


def wanted(entry: dict[str, Any], visits: set[str]) -> bool:
    resource = entry["resource"]
    kind = resource["resourceType"]
    if kind == "Encounter":
        return entry["fullUrl"] in visits
    if CHORE in json.dumps(resource.get("code", {})):
        return False
    if kind == "Immunization":
        return bool(resource["occurrenceDateTime"] >= IMMUNIZATIONS_SINCE)
    clinical = resource.get("clinicalStatus", {}).get("coding", [{}])[0].get("code")
    if kind in ALWAYS or "active" in (resource.get("status"), clinical) or "encounter" not in resource:
        return True
    return resource["encounter"]["reference"] in visits


def without(element: Any, known: set[str]) -> Any:
    """Takes out references to what was not kept; lists and elements that held nothing else go with them."""
    if isinstance(element, dict):
        reference = element.get("reference")
        if isinstance(reference, str) and reference.startswith("urn:uuid:") and reference not in known:
            return None
        return {k: v for k, v in ((k, without(v, known)) for k, v in element.items()) if v not in (None, [], {})}
    if isinstance(element, list):
        return [v for v in (without(v, known) for v in element) if v not in (None, [], {})]
    return element


def references(element: Any) -> set[str]:
    if isinstance(element, dict):
        own = {element["reference"]} if isinstance(element.get("reference"), str) else set()
        return own.union(*(references(value) for value in element.values()))
    if isinstance(element, list):
        return set().union(*(references(value) for value in element))
    return set()


def by_id(entry: dict[str, Any], known: set[str]) -> dict[str, Any]:
    """PUT by the id it was generated with: loading it twice makes nothing twice."""
    kind = entry["resource"]["resourceType"]
    id = entry["fullUrl"].removeprefix("urn:uuid:")
    resource = {**entry["resource"], "id": id}
    if not resource.get("meta"):
        resource.pop("meta", None)
    return {"fullUrl": entry["fullUrl"], "resource": resource, "request": {"method": "PUT", "url": f"{kind}/{id}"}}


def write(name: str, bundles: list[dict[str, Any]]) -> None:
    lines = "".join(json.dumps(bundle, ensure_ascii=False, separators=(",", ":")) + "\n" for bundle in bundles)
    with lzma.open(TARGET / f"{name}.ndjson.xz", "wb", preset=9 | lzma.PRESET_EXTREME) as file:
        file.write(lines.encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
