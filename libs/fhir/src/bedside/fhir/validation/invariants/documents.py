"""Invariants of compositions and lists."""

from typing import Any

from bedside.fhir.validation.invariants.places import Places, has, unless


def cmp_1(section: dict[str, Any]) -> Places:
    return unless(has(section, "text", "entry", "section"))


def cmp_2(section: dict[str, Any]) -> Places:
    return unless(not (has(section, "emptyReason") and has(section, "entry")))


def lst_2(list_: dict[str, Any]) -> Places:
    return unless(list_.get("mode") == "changes" or not any(has(each, "deleted") for each in list_.get("entry", ())))


def lst_3(list_: dict[str, Any]) -> Places:
    return unless(list_.get("mode") == "working" or not any(has(each, "date") for each in list_.get("entry", ())))


INVARIANTS = {"cmp-1": cmp_1, "cmp-2": cmp_2, "lst-1": cmp_2, "lst-2": lst_2, "lst-3": lst_3}
