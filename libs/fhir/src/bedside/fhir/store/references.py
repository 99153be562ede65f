"""What a resource refers to, and rewriting it."""

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

from bedside.fhir.definitions import definitions
from bedside.fhir.store.draft import Mention

_RELATIVE = re.compile(r"([A-Z][A-Za-z]{1,63})/([A-Za-z0-9\-.]{1,64})(/_history/[A-Za-z0-9\-.]{1,64})?", re.ASCII)
_CONDITIONAL = re.compile(r"([A-Z][A-Za-z]{1,63})\?(.+)", re.ASCII | re.DOTALL)


_BASE = re.compile(r"(.*/)[A-Z][A-Za-z]{1,63}/[A-Za-z0-9\-.]{1,64}", re.ASCII | re.DOTALL)
_LINK_IN_NARRATIVE = re.compile(r'((?:href|src)\s*=\s*")([^"]*)(")')
_LINKS = frozenset(
    {"url", "uri", "valueUri", "valueUrl", "valueUuid", "valueOid", "instantiatesUri", "sourceUri", "div"}
)


class Conditional(NamedTuple):
    """`Practitioner?identifier=…` instead of an id."""

    type_name: str
    criteria: str


def mentions(resource: dict[str, Any]) -> list[Mention]:
    """Every `Reference.reference`, contained resources included, in document order reversed."""
    found: list[Mention] = []
    waiting: list[Any] = [resource]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            text = node.get("reference")
            if type(text) is str:
                found.append(Mention(node, text))
            for child in node.values():
                if type(child) is dict or type(child) is list:
                    waiting.append(child)
        else:
            for child in node:
                if type(child) is dict or type(child) is list:
                    waiting.append(child)
    return found


def links(resource: dict[str, Any]) -> list[Mention]:
    """What may point at an entry of a bundle and is no Reference: elements of type url, uri, uuid and oid, and the
    links of narratives. Canonicals never do: https://hl7.org/fhir/R4/http.html#transaction
    """
    found: list[Mention] = []
    waiting: list[Any] = [resource]
    while waiting:
        node = waiting.pop()
        children = node.values() if isinstance(node, dict) else node
        waiting += [child for child in children if type(child) is dict or type(child) is list]
        if isinstance(node, dict):
            found += [Mention(node, node[name], name) for name in _LINKS & node.keys() if type(node[name]) is str]
    return found


def relinked(text: str, name: str, becomes: Callable[[str], str | None]) -> str:
    """The link, or the narrative with its links, as they read when each points at what it `becomes`."""
    if name != "div":
        return becomes(text) or text
    return _LINK_IN_NARRATIVE.sub(lambda found: f"{found[1]}{becomes(found[2]) or found[2]}{found[3]}", text)


def beside(full_url: str, text: str) -> str | None:
    """A relative reference, read against the fullUrl of the entry it stands in; None where that has no base.

    https://hl7.org/fhir/R4/bundle.html#references
    """
    base = _BASE.fullmatch(full_url)
    return f"{base[1]}{text}" if base is not None else None


def local(text: str) -> str | None:
    """`Patient/p1` of `Patient/p1` and of `Patient/p1/_history/3`; None of anything else."""
    match = _RELATIVE.fullmatch(text)
    return None if match is None else f"{match[1]}/{match[2]}"


@cache
def types() -> frozenset[str]:
    """Every resource type of R4."""
    return frozenset(definitions().resource_types)


def known(mention: Mention) -> str | None:
    """`Patient/p1`, as the reference says now, when that is of a type of R4."""
    key = local(mention.holder["reference"])
    return key if key is not None and key.partition("/")[0] in types() else None


def conditional(text: str) -> Conditional | None:
    """The type and criteria of a conditional reference."""
    match = _CONDITIONAL.fullmatch(text)
    return None if match is None else Conditional(match[1], match[2])


def path_of(resource: dict[str, Any], holder: dict[str, Any], root: str) -> str:
    """`Observation.subject`: where in `resource` this very object stands. Only walked to explain a refusal."""
    return next(_paths(resource, holder, root), root)


def _paths(node: Any, wanted: dict[str, Any], path: str) -> Iterator[str]:
    if node is wanted:
        yield path
    elif isinstance(node, dict):
        for name, child in node.items():
            yield from _paths(child, wanted, f"{path}.{name}")
    elif isinstance(node, list):
        for index, child in enumerate(node):
            yield from _paths(child, wanted, f"{path}[{index}]")
