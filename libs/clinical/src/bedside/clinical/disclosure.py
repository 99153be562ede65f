"""R15: what is hidden from whom."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from bedside.clinical.shown import Shown

LABELS = frozenset(["ETH", "ETHUD", "SUD", "HIV", "PSY", "PSYTHPN", "BH", "SEX", "STD", "SDV", "SCA", "GDIS"])
PSYCHOTHERAPY = "PSYTHPN"

Record = TypeVar("Record", bound=Mapping[str, Any])


class Restricted(Shown):
    hidden: bool | None
    break_glass: Literal["available", "not-needed", "active"]


@dataclass(frozen=True)
class Rights:
    """The labels a caller may see; `glass_broken` while a grant lives, which opens all but psychotherapy notes."""

    labels: frozenset[str] = frozenset()
    glass_broken: bool = False

    def may_see(self, record: Mapping[str, Any]) -> bool:
        found = labels(record)
        opened = self.labels | (LABELS - {PSYCHOTHERAPY} if self.glass_broken else frozenset())
        return found <= opened


def labels(record: Mapping[str, Any]) -> frozenset[str]:
    security = (record.get("meta") or {}).get("security") or []
    return LABELS.intersection(coding.get("code") for coding in security)


def is_labelled(record: Mapping[str, Any]) -> bool:
    return bool(labels(record))


def visible(records: Iterable[Record], rights: Rights) -> list[Record]:
    return [record for record in records if rights.may_see(record)]


def restricted(*, hides: bool, whole: bool, rights: Rights) -> Restricted:
    """`hides`: something this view would have used is hidden; `whole`: every section was loaded."""
    if hides:
        return Restricted(hidden=True, break_glass="available")
    if rights.glass_broken:
        return Restricted(hidden=False, break_glass="active")
    if not whole:
        return Restricted(hidden=None, break_glass="available")
    return Restricted(hidden=False, break_glass="not-needed")
