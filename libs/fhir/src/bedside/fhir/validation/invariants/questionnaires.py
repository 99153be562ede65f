"""Invariants of questionnaires and their answers."""

from collections.abc import Iterator
from typing import Any

from bedside.fhir.validation.invariants.places import Places, has, unless

_WITH_LENGTH = frozenset({"boolean", "decimal", "integer", "string", "text", "url", "open-choice"})
_WITH_OPTIONS = frozenset(
    {"choice", "open-choice", "decimal", "integer", "date", "dateTime", "time", "string", "quantity"}
)


def que_1(item: dict[str, Any]) -> Places:
    kind = item.get("type")
    return unless((kind != "group" or "item" in item) and (kind != "display" or "item" not in item))


def que_2(questionnaire: dict[str, Any]) -> Places:
    ids = list(_link_ids(questionnaire))
    return unless(len(ids) == len(set(ids)))


def _link_ids(holder: dict[str, Any]) -> Iterator[str]:
    for item in holder.get("item", ()):
        if "linkId" in item:
            yield item["linkId"]
        yield from _link_ids(item)


def que_3(item: dict[str, Any]) -> Places:
    return unless(not _is_display(item) or "code" not in item)


def que_4(item: dict[str, Any]) -> Places:
    return unless(not (has(item, "answerOption") and has(item, "answerValueSet")))


def que_5(item: dict[str, Any]) -> Places:
    return unless(item.get("type") in _WITH_OPTIONS or not has(item, "answerValueSet", "answerOption"))


def que_6(item: dict[str, Any]) -> Places:
    return unless(not _is_display(item) or not has(item, "required", "repeats"))


def que_7(enable_when: dict[str, Any]) -> Places:
    return unless(enable_when.get("operator") != "exists" or "answerBoolean" in enable_when)


def que_8(item: dict[str, Any]) -> Places:
    return unless(item.get("type") not in ("group", "display") or "initial" not in item)


def que_9(item: dict[str, Any]) -> Places:
    return unless(not _is_display(item) or not has(item, "readOnly"))


def que_10(item: dict[str, Any]) -> Places:
    return unless(item.get("type") in _WITH_LENGTH or not has(item, "maxLength"))


def que_11(item: dict[str, Any]) -> Places:
    return unless(not ("answerOption" in item and "initial" in item))


def que_12(item: dict[str, Any]) -> Places:
    return unless(len(item.get("enableWhen", ())) <= 2 or has(item, "enableBehavior"))


def que_13(item: dict[str, Any]) -> Places:
    return unless(item.get("repeats") is True or len(item.get("initial", ())) <= 1)


def qrs_1(item: dict[str, Any]) -> Places:
    return unless(not ("answer" in item and "item" in item))


def _is_display(item: dict[str, Any]) -> bool:
    return item.get("type") == "display"


INVARIANTS = {
    "que-1": que_1,
    "que-2": que_2,
    "que-3": que_3,
    "que-4": que_4,
    "que-5": que_5,
    "que-6": que_6,
    "que-7": que_7,
    "que-8": que_8,
    "que-9": que_9,
    "que-10": que_10,
    "que-11": que_11,
    "que-12": que_12,
    "que-13": que_13,
    "qrs-1": qrs_1,
}
