"""The parts of a signed token: JSON objects, read in one way only."""

import base64
import json
from collections.abc import Mapping
from typing import Any


def object_of(part: str) -> Mapping[str, Any]:
    """Raises ValueError for whatever two readers might understand differently."""
    if not part.isascii() or "=" in part:
        raise ValueError("not base64url")
    raw = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    try:
        parsed = json.loads(raw, object_pairs_hook=_without_duplicates, parse_constant=_no_constant)
    except RecursionError as error:
        raise ValueError("too deep") from error
    if not isinstance(parsed, dict):
        raise ValueError("no object")
    return parsed


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Two parsers may pick different ones of two equal names: no token of ours has them.
    names = dict(pairs)
    if len(names) != len(pairs):
        raise ValueError("a name appears twice")
    return names


def _no_constant(name: str) -> None:
    raise ValueError(name)
