"""R10: what the patient takes."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal, cast

from bedside.clinical.concepts import first_name, name_of, preferred
from bedside.clinical.directory import Directory, local
from bedside.clinical.dosage import is_as_needed, sig
from bedside.clinical.excluded import stands
from bedside.clinical.moments import Moment, day, known_first, last_day, newest_first
from bedside.clinical.resources import CodeableConcept, Condition, MedicationRequest, Reference
from bedside.clinical.shown import Shown, Status

EXPIRED = "expired"
POSSIBLE_DUPLICATE = "possible-duplicate"
_NOT_ORDERED = {"proposal", "plan", "option"}


class Medication(Shown):
    id: str
    name: str | None
    sig: str | None
    status: str
    status_reason: str | None
    as_needed: bool
    source: Literal["reported", "prescribed"]
    started_on: str | None
    prescriber: str | None
    indication: str | None
    flags: list[str]


class Medications(Shown):
    status: Status
    answer: Literal["listed", "none-recorded", "unknown"]
    items: list[Medication] | None


UNAVAILABLE = Medications(status="unavailable", answer="unknown", items=None)


def medications(
    records: Iterable[MedicationRequest],
    conditions: Iterable[Condition],
    directory: Directory,
    moment: Moment,
    *,
    whole: bool,
) -> Medications:
    """`conditions` are those the caller may see: an indication is never named from any other."""
    reasons = {f"Condition/{condition['id']}": condition for condition in conditions if stands(condition)}
    groups: dict[tuple[str, ...], list[MedicationRequest]] = {}
    for record in filter(_is_taken, records):
        same = (_code(record, directory), sig(record.get("dosageInstruction")) or "", record["status"])
        groups.setdefault(same, []).append(record)
    rows = Counter(code for code, _, _ in groups)
    items = [_item(group, rows[code] > 1, reasons, directory, moment) for (code, _, _), group in groups.items()]
    answer: Literal["listed", "none-recorded"] = "listed" if items else "none-recorded"
    return Medications(
        status="ok" if whole else "partial",
        answer=answer if whole else "unknown",
        items=sorted(items, key=lambda item: (item.name or "", *known_first(item.started_on, moment.zone), item.id)),
    )


def _is_taken(record: MedicationRequest) -> bool:
    ordered = record.get("intent") not in _NOT_ORDERED and not record.get("doNotPerform")
    return ordered and record.get("status") in ("active", "on-hold")


def _item(
    group: list[MedicationRequest],
    has_twin: bool,
    reasons: Mapping[str, Condition],
    directory: Directory,
    moment: Moment,
) -> Medication:
    kept = min(group, key=lambda record: (newest_first(record.get("authoredOn"), moment.zone), record["id"]))
    started = min((known_first(record.get("authoredOn"), moment.zone) for record in group), default=None)
    return Medication(
        id=kept["id"],
        name=name_of(_medicine(kept, directory)) or (kept.get("medicationReference") or {}).get("display"),
        sig=sig(kept.get("dosageInstruction")),
        status=kept["status"],
        status_reason=name_of(kept.get("statusReason")),
        as_needed=is_as_needed(kept.get("dosageInstruction")),
        source="reported" if kept.get("reportedBoolean") else "prescribed",
        started_on=day(started[1], moment.zone) or None if started else None,
        prescriber=directory.name(kept.get("requester")),
        indication=_indication(kept, reasons),
        flags=_flags(kept, has_twin, moment),
    )


def _flags(record: MedicationRequest, has_twin: bool, moment: Moment) -> list[str]:
    ends = last_day(record.get("dispenseRequest", {}).get("validityPeriod", {}).get("end"), moment.zone)
    flags = [EXPIRED] if ends is not None and ends < moment.today else []
    return [*flags, POSSIBLE_DUPLICATE] if has_twin else flags


def _indication(record: MedicationRequest, reasons: Mapping[str, Condition]) -> str | None:
    coded = first_name(record.get("reasonCode"))
    if coded:
        return coded
    # Not the reference's own display: it would name a reason that is hidden from the caller.
    found = (reasons.get(local(reference) or "") for reference in record.get("reasonReference", []))
    return next((name_of(reason.get("code")) for reason in found if reason), None)


def _code(record: MedicationRequest, directory: Directory) -> str:
    medicine = _medicine(record, directory)
    coding = preferred(medicine)
    if coding.get("code"):
        return f"{coding.get('system', '')}|{coding['code']}"
    return name_of(medicine) or _written(record.get("medicationReference")) or record["id"]


def _medicine(record: MedicationRequest, directory: Directory) -> CodeableConcept | None:
    if "medicationCodeableConcept" in record:
        return record["medicationCodeableConcept"]
    written = _written(record.get("medicationReference"))
    inside = (item for item in record.get("contained", []) if written == f"#{item.get('id')}")
    found = next(inside, None) or directory.find(record.get("medicationReference"))
    return cast("CodeableConcept | None", found.get("code")) if found else None


def _written(reference: Reference | None) -> str | None:
    return (reference or {}).get("reference")
