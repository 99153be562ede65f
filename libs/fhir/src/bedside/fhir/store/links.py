"""Links to entries of a bundle that are no References: elements of type uri, url, oid and uuid, and narratives.

Canonicals are none: they name what is published, wherever it lies. https://hl7.org/fhir/R4/http.html#transaction
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from bedside.fhir.definitions import definitions

_TYPES = frozenset({"uri", "url", "oid", "uuid"})
_IN_NARRATIVE = re.compile(r"""((?:href|src)\s*=\s*)("[^"]*"|'[^']*')""")
Means = Callable[[str], bool]


@dataclass(slots=True)
class Link:
    """`holder[key]`, and what stood there when it was found. Pointing starts from `sent` each time."""

    holder: Any
    key: str | int
    sent: str
    is_narrative: bool

    def point(self, becomes: Callable[[str], str | None]) -> None:
        """To what the address `becomes`; None leaves it as it was."""
        if self.is_narrative:
            self.holder[self.key] = _IN_NARRATIVE.sub(
                lambda found: f"{found[1]}{found[2][0]}{becomes(found[2][1:-1]) or found[2][1:-1]}{found[2][0]}",
                self.sent,
            )
        else:
            self.holder[self.key] = becomes(self.sent) or self.sent


def links(resource: dict[str, Any], means: Means) -> list[Link]:
    """Those to an address of which `means` says that it is an entry's."""
    # Hardly a resource has any. Only where the text of one occurs is it asked of what type the element is.
    if not _occurs(resource, means):
        return []
    return list(_links_in(resource, resource["resourceType"], means))


def _occurs(resource: dict[str, Any], means: Means) -> bool:
    waiting: list[Any] = [resource]
    while waiting:
        node = waiting.pop()
        pairs = node.items() if type(node) is dict else ((None, child) for child in node)
        for name, child in pairs:
            kind = type(child)
            if kind is dict or kind is list:
                waiting.append(child)
            elif kind is str and name != "reference" and (means(child) or (name == "div" and _is_linked(child, means))):
                return True
    return False


def _is_linked(narrative: str, means: Means) -> bool:
    return any(means(quoted[1:-1]) for _, quoted in _IN_NARRATIVE.findall(narrative))


def _links_in(node: dict[str, Any], type_name: str, means: Means) -> Iterator[Link]:
    types = _types(node.get("resourceType", type_name) if type_name in _ANY_RESOURCE else type_name)
    for name, child in node.items():
        # What stands beside a primitive, as `_birthDate`, is an Element with extensions.
        code = "Element" if name.startswith("_") else types.get(name)
        if code is None:
            continue
        places = enumerate(child) if isinstance(child, list) else ((name, child),)
        for key, each in places:
            holder = child if isinstance(child, list) else node
            if isinstance(each, dict):
                yield from _links_in(each, code, means)
            elif not isinstance(each, str):
                continue
            elif code in _TYPES and means(each):
                yield Link(holder, key, each, is_narrative=False)
            elif code == "xhtml" and _is_linked(each, means):
                yield Link(holder, key, each, is_narrative=True)


_ANY_RESOURCE = frozenset({"Resource", "DomainResource"})


@cache
def _types(type_name: str) -> Mapping[str, str]:
    """By the name in JSON, what type an element has; empty for what has no elements."""
    known = definitions()
    if type_name not in known.type_names:
        return {}
    elements = known.type(type_name).elements.values()
    return {name: choice.code for element in elements for name, choice in element.json_names()}
