"""JSON Merge Patch: https://www.rfc-editor.org/rfc/rfc7396

Not R4's, and what several clients send.
"""

from copy import deepcopy
from typing import Any

from bedside.fhir.patches.patch import Patch, malformed


def merge_patch(sent: Any) -> Patch:
    """`sent` holds the elements that change; null removes one. Refused with 400 when it is no object."""
    if not isinstance(sent, dict):
        raise malformed("a merge patch is an object with the elements that change")
    return lambda resource: _merged(resource, deepcopy(sent))


def _merged(target: Any, changes: Any) -> Any:
    if not isinstance(changes, dict):
        return changes
    made = dict(target) if isinstance(target, dict) else {}
    for name, change in changes.items():
        if change is None:
            made.pop(name, None)
        else:
            made[name] = _merged(made.get(name), change)
    return made
