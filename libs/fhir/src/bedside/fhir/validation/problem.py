"""What a check finds: places told from where the check stands, and lengthened on the way out."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

# A body can hold a million mistakes; telling them would cost more than finding them.
PROBLEMS_MAX = 200


class Problem(NamedTuple):
    """`at` is relative: `given[1]`, `[0].period`, or empty for the very value that was checked."""

    at: str
    code: str
    text: str


Found = tuple[Problem, ...] | None
"""None when all is well, so that nothing is built for the many values that are."""

Scope = Mapping[str, str]
"""The ids of the contained resources that `#id` may mean here, each with its type."""

Check = Callable[[Any, dict[str, Any], Scope], Found]
"""Of a value, the object that holds it, and the scope."""


def under(step: str, found: tuple[Problem, ...]) -> tuple[Problem, ...]:
    """The problems as told from one step further out; one past the bound is kept, to say that there are more."""
    return tuple(Problem(_joined(step, at), code, text) for at, code, text in found[: PROBLEMS_MAX + 1])


def _joined(step: str, at: str) -> str:
    if not at or at[0] == "[":
        return step + at
    return f"{step}.{at}"


def wrong(code: str, text: str) -> tuple[Problem, ...]:
    """One problem of the very value that was checked."""
    return (Problem("", code, text),)
