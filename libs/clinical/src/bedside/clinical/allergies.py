"""R8: what must not be given."""

from collections.abc import Iterable
from typing import Literal

from bedside.clinical.concepts import codes, name_of, status_code
from bedside.clinical.excluded import stands
from bedside.clinical.moments import Moment, printed
from bedside.clinical.resources import AllergyIntolerance
from bedside.clinical.shown import Shown, Status

NONE_KNOWN = "716186003"
# The category of a negation, and how it is called whatever its text says.
CATEGORY_NEGATIONS = {
    "409137002": ("medication", "No known drug allergy"),
    "428607008": ("environment", "No known environmental allergy"),
    "429625007": ("food", "No known food allergy"),
}
NOT_LOADED = "ALLERGIES COULD NOT BE LOADED - do not assume none"
# An allergy without a code is still an allergy: it must stand in the headline as something.
UNNAMED = "Unnamed allergy"
_CRITICALITIES = ("high", "unable-to-assess", "low", None)
_SEVERITIES = ("severe", "moderate", "mild", None)

Answer = Literal["listed", "none-known", "none-known-partial", "not-asked", "unknown"]


class Allergy(Shown):
    id: str
    substance: str
    type: str | None
    category: str | None
    criticality: str | None
    severity: str | None
    reactions: list[str]
    verification: str | None
    since: str | None


class Allergies(Shown):
    status: Status
    answer: Answer
    headline: str
    conflict: bool | None
    negated: list[str] | None
    items: list[Allergy] | None


UNAVAILABLE = Allergies(
    status="unavailable", answer="unknown", headline=NOT_LOADED, conflict=None, negated=None, items=None
)


def allergies(records: Iterable[AllergyIntolerance], moment: Moment, *, whole: bool) -> Allergies:
    """`whole` is false when a page or a record is missing: then nothing is ever "none known"."""
    kept = [record for record in records if stands(record) and _is_current(record)]
    negations = {code for record in kept for code in codes(record.get("code")) & _NEGATING}
    real = [record for record in kept if not codes(record.get("code")) & _NEGATING]
    items = sorted((_item(record, moment) for record in real), key=_order)
    negated = sorted({_negation_name(record) for record in kept if codes(record.get("code")) & _NEGATING})
    answer = _answer(items, negations) if whole else "unknown"
    return Allergies(
        status="ok" if whole else "partial",
        answer=answer,
        headline=_headline(answer, items, negated),
        conflict=_contradicts(real, negations),
        negated=negated,
        items=items,
    )


_NEGATING = {NONE_KNOWN, *CATEGORY_NEGATIONS}


def _is_current(record: AllergyIntolerance) -> bool:
    return status_code(record.get("clinicalStatus")) in ("active", None)


def _answer(items: list[Allergy], negations: set[str]) -> Answer:
    if items:
        return "listed"
    if NONE_KNOWN in negations:
        return "none-known"
    return "none-known-partial" if negations else "not-asked"


def _headline(answer: Answer, items: list[Allergy], negated: list[str]) -> str:
    substances = "; ".join(f"{item.substance}{' (high risk)' if item.criticality == 'high' else ''}" for item in items)
    if answer == "listed":
        return substances
    if answer == "none-known":
        return "No known allergies"
    if answer == "none-known-partial":
        return f"{'; '.join(negated)} (others not asked)"
    if answer == "not-asked":
        return "Allergies not asked"
    return f"ALLERGIES INCOMPLETE - known so far: {substances}" if items else NOT_LOADED


def _contradicts(real: list[AllergyIntolerance], negations: set[str]) -> bool:
    if real and NONE_KNOWN in negations:
        return True
    denied = {CATEGORY_NEGATIONS[code][0] for code in negations if code in CATEGORY_NEGATIONS}
    return any(denied & set(record.get("category", [])) for record in real)


def _negation_name(record: AllergyIntolerance) -> str:
    found = codes(record.get("code"))
    category = next((CATEGORY_NEGATIONS[code][1] for code in sorted(found) if code in CATEGORY_NEGATIONS), None)
    return category or name_of(record.get("code")) or "No known allergy"


def _item(record: AllergyIntolerance, moment: Moment) -> Allergy:
    reactions = record.get("reaction", [])
    severities = {reaction.get("severity") for reaction in reactions}
    names = [name_of(sign) for reaction in reactions for sign in reaction.get("manifestation", [])]
    return Allergy(
        id=record["id"],
        substance=name_of(record.get("code")) or UNNAMED,
        type=record.get("type"),
        category=next(iter(record.get("category", [])), None),
        criticality=record.get("criticality"),
        severity=next((severity for severity in _SEVERITIES if severity in severities), None),
        reactions=[name for name in names if name],
        verification=status_code(record.get("verificationStatus")),
        since=printed(record.get("onsetDateTime"), moment.zone),
    )


def _order(item: Allergy) -> tuple[int, int, str, str]:
    return (
        _CRITICALITIES.index(item.criticality if item.criticality in _CRITICALITIES else None),
        _SEVERITIES.index(item.severity),
        item.substance,
        item.id,
    )
