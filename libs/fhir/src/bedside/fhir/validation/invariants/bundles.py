"""Invariants of Bundle and Parameters."""

from typing import Any

from bedside.fhir.validation.invariants.places import HERE, NOWHERE, Places, has, has_choice, unless

_ASKING = frozenset({"batch", "transaction", "history"})
_ANSWERING = frozenset({"batch-response", "transaction-response", "history"})


def bdl_1(bundle: dict[str, Any]) -> Places:
    return unless("total" not in bundle or bundle.get("type") in ("searchset", "history"))


def bdl_2(bundle: dict[str, Any]) -> Places:
    if bundle.get("type") == "searchset":
        return NOWHERE
    return tuple(f"entry[{index}].search" for index, entry in _entries(bundle) if "search" in entry)


def bdl_3(bundle: dict[str, Any]) -> Places:
    wanted = bundle.get("type") in _ASKING
    return tuple(f"entry[{index}].request" for index, entry in _entries(bundle) if ("request" in entry) != wanted)


def bdl_4(bundle: dict[str, Any]) -> Places:
    wanted = bundle.get("type") in _ANSWERING
    return tuple(f"entry[{index}].response" for index, entry in _entries(bundle) if ("response" in entry) != wanted)


def bdl_5(entry: dict[str, Any]) -> Places:
    return unless(has(entry, "resource", "request", "response"))


def bdl_7(bundle: dict[str, Any]) -> Places:
    if bundle.get("type") == "history":
        return NOWHERE
    seen: set[tuple[str, str | None]] = set()
    repeated: list[str] = []
    for index, entry in _entries(bundle):
        url = entry.get("fullUrl")
        if url is not None:
            identity = (url, (entry.get("resource") or {}).get("meta", {}).get("versionId"))
            if identity in seen:
                repeated.append(f"entry[{index}].fullUrl")
            seen.add(identity)
    return tuple(repeated)


def bdl_8(entry: dict[str, Any]) -> Places:
    return ("fullUrl",) if "/_history/" in entry.get("fullUrl", "") else NOWHERE


def bdl_9(bundle: dict[str, Any]) -> Places:
    identifier = bundle.get("identifier") or {}
    return unless(not _is_document(bundle) or (has(identifier, "system") and has(identifier, "value")))


def bdl_10(bundle: dict[str, Any]) -> Places:
    return unless(not _is_document(bundle) or "timestamp" in bundle)


def bdl_11(bundle: dict[str, Any]) -> Places:
    return unless(not _is_document(bundle) or _first_type(bundle) == "Composition")


def bdl_12(bundle: dict[str, Any]) -> Places:
    return unless(bundle.get("type") != "message" or _first_type(bundle) == "MessageHeader")


def parameter_inv_1(parameter: dict[str, Any]) -> Places:
    kinds = ("part" in parameter, has_choice(parameter, "value"), "resource" in parameter)
    return NOWHERE if sum(kinds) == 1 else HERE


def _is_document(bundle: dict[str, Any]) -> bool:
    return bundle.get("type") == "document"


def _entries(bundle: dict[str, Any]) -> enumerate[dict[str, Any]]:
    return enumerate(bundle.get("entry", ()))


def _first_type(bundle: dict[str, Any]) -> str | None:
    for _, entry in _entries(bundle):
        found: str | None = (entry.get("resource") or {}).get("resourceType")
        return found
    return None


INVARIANTS = {
    "bdl-1": bdl_1,
    "bdl-2": bdl_2,
    "bdl-3": bdl_3,
    "bdl-4": bdl_4,
    "bdl-5": bdl_5,
    "bdl-7": bdl_7,
    "bdl-8": bdl_8,
    "bdl-9": bdl_9,
    "bdl-10": bdl_10,
    "bdl-11": bdl_11,
    "bdl-12": bdl_12,
    "Parameters.parameter.inv-1": parameter_inv_1,
}
