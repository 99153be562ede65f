"""JSON Patch: https://www.rfc-editor.org/rfc/rfc6902"""

from copy import deepcopy
from decimal import Decimal
from typing import Any

import jsonpatch
from jsonpointer import JsonPointerException, resolve_pointer

from bedside.fhir import exact_json
from bedside.fhir.patches.patch import OPERATIONS_MAX, RESULT_BYTES_MAX, Patch, inapplicable, malformed

_OPERATIONS = frozenset({"add", "remove", "replace", "move", "copy", "test"})
# Each may double what is there.
_COPIES_MAX = 20
# What the library raises of its own and, for pointers that lead through text or numbers, by accident.
_STUMBLES = (jsonpatch.JsonPatchException, JsonPointerException, TypeError, KeyError, IndexError, AttributeError)


def json_patch(sent: Any) -> Patch:
    """`sent` is the list of operations. Refused with 400 when it is not one."""
    if not isinstance(sent, list) or not all(isinstance(each, dict) for each in sent):
        raise malformed("a JSON Patch is a list of operations")
    if len(sent) > OPERATIONS_MAX:
        raise malformed(f"a patch has at most {OPERATIONS_MAX} operations")
    for place, operation in enumerate(sent):
        if not _is_among(_OPERATIONS, operation.get("op")) or not isinstance(operation.get("path"), str):
            raise malformed("an operation has an op of RFC 6902 and a path", f"[{place}]")
    if sum(operation["op"] == "copy" for operation in sent) > _COPIES_MAX:
        raise malformed(f"a patch copies at most {_COPIES_MAX} times")

    def applied(resource: dict[str, Any]) -> Any:
        made: Any = resource
        for place, operation in enumerate(deepcopy(sent)):
            made = _carried_out(made, operation, f"[{place}]")
        return made

    return applied


def _is_among(names: frozenset[str], sent: Any) -> bool:
    return isinstance(sent, str) and sent in names


def _carried_out(made: Any, operation: dict[str, Any], at: str) -> Any:
    try:
        if operation["op"] == "test":
            _test(made, operation, at)
            return made
        made = jsonpatch.JsonPatch([operation]).apply(made, in_place=True)
    except jsonpatch.InvalidJsonPatch as error:
        raise malformed("the operation lacks a value or a from, or one of them is malformed", at) from error
    except _STUMBLES as error:
        raise inapplicable("the path of the operation leads nowhere in the resource", at) from error
    if operation["op"] == "copy" and len(exact_json.emit(made)) > RESULT_BYTES_MAX:
        raise inapplicable("the patch makes the resource larger than this server takes", at)
    return made


def _test(made: Any, operation: dict[str, Any], at: str) -> None:
    if "value" not in operation:
        raise malformed("a test has a value", at)
    if not _equal(resolve_pointer(made, operation["path"]), operation["value"]):
        raise inapplicable("the test of the patch failed: the resource is not as it supposes", at)


def _equal(held: Any, value: Any) -> bool:
    """As JSON (RFC 6902, section 4.6): to Python, true would be 1."""
    if isinstance(held, dict) and isinstance(value, dict):
        return held.keys() == value.keys() and all(_equal(held[name], value[name]) for name in held)
    if isinstance(held, list) and isinstance(value, list):
        return len(held) == len(value) and all(map(_equal, held, value))
    return bool(_kind(held) is _kind(value) and held == value)


def _kind(value: Any) -> type:
    return Decimal if type(value) is int or isinstance(value, Decimal) else type(value)
