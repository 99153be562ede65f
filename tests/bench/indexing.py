"""What a resource costs before it is stored: `python -m tests.bench.indexing FOLDER`, a folder of FHIR bundles.

Prints processor microseconds a resource, on one core, for parsing, validation and indexing, the least of several
rounds; and how many index rows of which table a resource gets. References within a bundle are made local first, as a
transaction would make them.
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bedside.fhir import exact_json
from bedside.fhir.search.indexing import index
from bedside.fhir.validation import validate

ROUNDS = 5
LIMIT_US = 120


def bodies(folder: Path) -> Iterator[bytes]:
    for path in sorted(folder.glob("*.json")):
        text = path.read_text()
        bundle = json.loads(text)
        for entry in bundle["entry"]:
            resource = entry["resource"]
            text = text.replace(entry["fullUrl"], f"{resource['resourceType']}/{resource['id']}")
        for entry in json.loads(text)["entry"]:
            yield json.dumps(entry["resource"]).encode()


def least(work: Callable[[Any], Any], items: list[Any]) -> float:
    """Microseconds an item."""
    times = []
    for _ in range(ROUNDS):
        started = time.process_time()
        for item in items:
            work(item)
        times.append(time.process_time() - started)
    return min(times) / len(items) * 1e6


def main() -> None:
    sent = list(bodies(Path(sys.argv[1])))
    parsed = [exact_json.parse(body) for body in sent]
    parse, judge = least(exact_json.parse, sent), least(validate, parsed)
    keep = least(lambda resource: index(resource).rows(1, lambda key: 1), parsed)
    rows: Counter[str] = Counter()
    for resource in parsed:
        rows.update({table: len(made) for table, made in index(resource).rows(1, lambda key: 1).items()})
    print(f"{len(sent)} resources of {sum(map(len, sent)) / len(sent):.0f} bytes")
    print(f"parse {parse:.1f}, validate {judge:.1f}, index {keep:.1f} microseconds a resource")
    print(f"validate and index together {judge + keep:.1f}, limit {LIMIT_US}")
    print(f"{rows.total() / len(sent):.1f} index rows a resource:")
    for table, count in rows.most_common():
        print(f"  {table} {count / len(sent):.2f}")


if __name__ == "__main__":
    main()
