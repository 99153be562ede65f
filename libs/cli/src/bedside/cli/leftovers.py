"""Resources that were refused, once all the rest is there: some only waited for what they refer to."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from bedside.cli.loading import Leftover, Parcel
from bedside.cli.parcels import batch, bundle

_PER_BATCH = 200
# A circle of more is not sent: it would be one request, all or nothing.
CIRCLE_MAX = 1000
_Graph = Mapping[str, set[str]]


def batches(left: Sequence[Leftover]) -> Iterator[tuple[Parcel, Sequence[Leftover]]]:
    """Each is taken or refused by itself."""
    for start in range(0, len(left), _PER_BATCH):
        part = left[start : start + _PER_BATCH]
        yield batch("what was refused at first", [each.entry for each in part]), part


def circles(left: Sequence[Leftover]) -> Iterator[tuple[Parcel, Sequence[Leftover]]]:
    """Those that refer to one another, so that none can go before the other: each circle is one transaction."""
    by_key = {key: each for each in left if (key := _key(each)) is not None}
    graph = {key: _references(orjson.loads(each.entry)["resource"]) & by_key.keys() for key, each in by_key.items()}
    for circle in _strongly_connected(graph):
        if 1 < len(circle) <= CIRCLE_MAX:
            part = [by_key[key] for key in circle]
            name = f"{len(part)} resources that refer to one another"
            yield Parcel(name, bundle("transaction", [each.entry for each in part]), len(part)), part


def _key(leftover: Leftover) -> str | None:
    request = orjson.loads(leftover.entry)["request"]
    return str(request["url"]) if request["method"] == "PUT" else None


def _references(node: Any) -> set[str]:
    if isinstance(node, list):
        return set().union(*(_references(each) for each in node))
    if not isinstance(node, dict):
        return set()
    found = set().union(*(_references(each) for each in node.values()))
    reference = node.get("reference")
    return found | {"/".join(reference.split("/")[-2:])} if isinstance(reference, str) else found


def _strongly_connected(graph: _Graph) -> list[list[str]]:
    """Kosaraju's way, without recursion: there, in the order of leaving, and back against the references."""
    against: dict[str, set[str]] = {key: set() for key in graph}
    for key, targets in graph.items():
        for target in targets:
            against[target].add(key)
    seen: set[str] = set()
    left_last = [key for start in graph for key in _left_from(start, graph, seen)]
    seen.clear()
    return [_left_from(start, against, seen) for start in reversed(left_last) if start not in seen]


def _left_from(start: str, graph: _Graph, seen: set[str]) -> list[str]:
    """What is reached from there and not yet seen, in the order in which it is left."""
    if start in seen:
        return []
    seen.add(start)
    left: list[str] = []
    path = [(start, iter(sorted(graph[start])))]
    while path:
        key, targets = path[-1]
        following = next((target for target in targets if target not in seen), None)
        if following is None:
            left.append(key)
            path.pop()
        else:
            seen.add(following)
            path.append((following, iter(sorted(graph[following]))))
    return left
