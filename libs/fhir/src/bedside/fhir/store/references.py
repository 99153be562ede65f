"""What a resource refers to, and rewriting it."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from bedside.fhir.definitions import definitions
from bedside.fhir.store.draft import Mention

_RELATIVE = re.compile(r"([A-Z][A-Za-z]{1,63})/([A-Za-z0-9\-.]{1,64})(/_history/[A-Za-z0-9\-.]{1,64})?", re.ASCII)
_CONDITIONAL = re.compile(r"([A-Z][A-Za-z]{1,63})\?(.+)", re.ASCII | re.DOTALL)
_BASE = re.compile(r"(.*/)[A-Z][A-Za-z]{1,63}/[A-Za-z0-9\-.]{1,64}", re.ASCII | re.DOTALL)


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


def beside(full_url: str | None, text: str) -> str | None:
    """A relative reference, of whatever version, as the fullUrl that it means in the entry with this `full_url`.

    None where either is no such address. https://hl7.org/fhir/R4/bundle.html#references
    """
    named = local(text)
    base = _BASE.fullmatch(full_url) if full_url is not None and named is not None else None
    return None if base is None else f"{base[1]}{named}"


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
