"""An owner's outcome speaks of its own part of a bundle; callers are told the places in the bundle they sent."""

import re
from collections.abc import Sequence
from typing import Any

import orjson

from bedside.fhir.outcome import Issue, operation_outcome

_PLACE = re.compile(r"^Bundle\.entry\[(\d+)\]")


def remapped(body: bytes, indexes: Sequence[int]) -> dict[str, Any]:
    """The OperationOutcome in the body; `indexes` say which entry of the whole each entry of the part was."""
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        said = None
    if not isinstance(said, dict) or said.get("resourceType") != "OperationOutcome":
        return operation_outcome([Issue("processing", "A part of the bundle was refused without a reason.")])
    for issue in said.get("issue", []):
        for name in ("expression", "location"):
            if isinstance(issue.get(name), list):
                issue[name] = [_placed(text, indexes) for text in issue[name]]
    return said


def _placed(text: Any, indexes: Sequence[int]) -> Any:
    if not isinstance(text, str):
        return text
    match = _PLACE.match(text)
    if match is None or int(match[1]) >= len(indexes):
        return text
    return f"Bundle.entry[{indexes[int(match[1])]}]{text[match.end() :]}"
