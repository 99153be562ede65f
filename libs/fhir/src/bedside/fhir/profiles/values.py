"""The values an element has in JSON, whichever type it took, and what is demanded of one value."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from bedside.fhir.definitions import definitions


class Value(NamedTuple):
    """`content` is None for a primitive that is an extension only. `type_code` is empty where it cannot vary."""

    content: Any
    type_code: str
    place: str


def values(holder: dict[str, Any], name: str) -> list[Value]:
    """Of `value[x]`, `category` or `birthDate`, with the place of each below its holder."""
    stem = name.removesuffix("[x]")
    if stem == name:
        return list(_named(holder, name, "", name))
    return [
        found
        for json_name in dict.fromkeys(key.removeprefix("_") for key in holder)
        if json_name.startswith(stem) and (type_code := _type_code(json_name.removeprefix(stem)))
        for found in _named(holder, json_name, type_code, stem)
    ]


def _named(holder: dict[str, Any], json_name: str, type_code: str, place: str) -> Iterator[Value]:
    content = holder.get(json_name)
    if content is None:
        # A reason for absence stands where the value would.
        if f"_{json_name}" in holder:
            yield Value(None, type_code, place)
    elif isinstance(content, list):
        yield from (Value(each, type_code, f"{place}[{index}]") for index, each in enumerate(content))
    else:
        yield Value(content, type_code, place)


def _type_code(suffix: str) -> str:
    """`Quantity` and `dateTime` of what a choice adds to its stem; empty when it is another element's name."""
    if not suffix[:1].isupper():
        return ""
    known = definitions().type_names
    return next((each for each in (suffix, suffix[0].lower() + suffix[1:]) if each in known), "")


def holds(pattern: Any, content: Any) -> bool:
    """Whether `content` has all that the pattern has: https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.pattern_x_"""
    if isinstance(pattern, dict):
        return isinstance(content, dict) and all(
            name in content and holds(each, content[name]) for name, each in pattern.items()
        )
    if isinstance(pattern, list):
        return isinstance(content, list) and all(any(holds(each, item) for item in content) for each in pattern)
    return bool(pattern == content)


def codings_of(content: Any) -> list[tuple[str | None, str | None]]:
    """(system, code) of what a code, Coding, CodeableConcept or Quantity says."""
    if isinstance(content, str):
        return [(None, content)]
    if not isinstance(content, dict):
        return []
    told = content.get("coding", [content])
    return [(each.get("system"), each.get("code")) for each in told if "code" in each]


def is_coded_by(content: Any, codings: frozenset[tuple[str, str]]) -> bool:
    """A code alone is of whatever system the set takes it from."""
    codes = {code for _, code in codings}
    return any(
        code in codes if system is None and isinstance(content, str) else (system, code) in codings
        for system, code in codings_of(content)
    )


def target_type(reference: Any) -> str | None:
    """The type that a literal reference points to; None where it cannot be told from the text."""
    text = reference.get("reference") if isinstance(reference, dict) else None
    if not isinstance(text, str) or text.startswith(("#", "urn:")) or "/" not in text:
        return None
    parts = text.partition("/_history/")[0].rsplit("/", 2)
    return parts[-2] if parts[-2] in definitions().resource_type_set else None
