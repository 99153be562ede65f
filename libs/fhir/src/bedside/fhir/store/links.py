"""Links to entries of a bundle that are no References: elements of type uri, url, oid and uuid, and narratives.

Canonicals are none: they name what is published, wherever it lies. https://hl7.org/fhir/R4/http.html#transaction
"""

import re
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from bedside.fhir.definitions import definitions

_TYPES = frozenset({"uri", "url", "oid", "uuid"})
_IN_NARRATIVE = re.compile(r"""((?:href|src)\s*=\s*)("[^"]*"|'[^']*')""")


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


def links(resource: dict[str, Any], addresses: Container[str]) -> list[Link]:
    """Those to one of the `addresses`."""
    # Hardly a resource has any. Only where the text of one occurs is it asked of what type the element is.
    if not _occurs(resource, addresses):
        return []
    return list(_links_in(resource, resource["resourceType"], addresses))


def _occurs(resource: dict[str, Any], addresses: Container[str]) -> bool:
    waiting: list[Any] = [resource]
    while waiting:
        node = waiting.pop()
        if type(node) is list:
            for child in node:
                if type(child) is not str:
                    waiting.append(child)
                elif child in addresses:
                    return True
        elif type(node) is dict:
            for name, child in node.items():
                if type(child) is not str:
                    waiting.append(child)
                elif name == "div":
                    if _is_linked(child, addresses):
                        return True
                elif child in addresses and name != "reference":
                    return True
    return False


def _is_linked(narrative: str, addresses: Container[str]) -> bool:
    return any(quoted[1:-1] in addresses for _, quoted in _IN_NARRATIVE.findall(narrative))


def _links_in(node: dict[str, Any], type_name: str, addresses: Container[str]) -> Iterator[Link]:
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
                yield from _links_in(each, code, addresses)
            elif not isinstance(each, str):
                continue
            elif code in _TYPES and each in addresses:
                yield Link(holder, key, each, is_narrative=False)
            elif code == "xhtml" and _is_linked(each, addresses):
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
