"""What an invariant answers: the places where it is broken."""

from typing import Any

Places = tuple[str, ...]
"""Relative to what was given: `("",)` is that itself, `()` nowhere."""

HERE: Places = ("",)
NOWHERE: Places = ()


def unless(holds: bool) -> Places:
    """Broken here, unless it holds."""
    return NOWHERE if holds else HERE


def has(value: dict[str, Any], *names: str) -> bool:
    """Whether one of the elements is there: as a value, or as an extension that stands for one."""
    return any(name in value or f"_{name}" in value for name in names)


def has_choice(value: dict[str, Any], stem: str) -> bool:
    """Whether `stem[x]` is there in any type. No element of the types this is asked of begins like another's stem."""
    return any(name.startswith((stem, f"_{stem}")) for name in value)


def codes(concept: Any, system: str) -> set[str]:
    """The codes a CodeableConcept has in a system."""
    return {
        coding["code"]
        for coding in (concept or {}).get("coding", ())
        if coding.get("system") == system and "code" in coding
    }
