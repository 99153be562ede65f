"""How fast bundles go in through the gateway: `python -m tests.bench.load FOLDER DEMO_JSON`.

Posts every bundle of FOLDER (those whose names begin with `0-` first) to the FHIR base named in DEMO_JSON, one after
another, and prints resources a second and the memory of the processes that serve it. The limit to hold it against is
printed beside it: exact parsing and validation of the same resources, on one core, with nothing else.
"""

import json
import sys
import time
from pathlib import Path

from bedside.fhir import exact_json
from bedside.fhir.validation import validate
from tests.system.access import Access


def main(folder: Path, demo: Path) -> None:
    access = Access(json.loads(demo.read_text()))
    files = sorted(folder.glob("*.json"), key=lambda path: (not path.name.startswith("0-"), path.name))
    bodies = [path.read_bytes() for path in files]
    resources = [entry["resource"] for body in bodies for entry in exact_json.parse(body)["entry"]]
    begun = time.perf_counter()
    for body in bodies:
        for entry in exact_json.parse(body)["entry"]:
            validate(entry["resource"])
    limit = len(resources) / (time.perf_counter() - begun)

    client = access.fhir(access.client_token())
    begun, refused = time.perf_counter(), 0
    for path, body in zip(files, bodies, strict=True):
        one = time.perf_counter()
        answer = client.post("", content=body, headers={"Content-Type": "application/fhir+json"})
        entries = answer.json().get("entry", [])
        bad = (
            [e for e in entries if not e["response"]["status"].startswith("2")] if answer.is_success else [answer.text]
        )
        refused += len(bad)
        print(f"{path.name[:24]:26}{len(entries):6} entries {time.perf_counter() - one:7.2f} s {len(bad)} refused")
    rate = len(resources) / (time.perf_counter() - begun)
    print(f"{len(resources)} resources at {rate:.0f}/s through the gateway, {refused} refused")
    print(f"parse and validate alone: {limit:.0f}/s; ratio {rate / limit:.2f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
