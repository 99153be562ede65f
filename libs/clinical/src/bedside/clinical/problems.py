"""R9: what the patient has, and had."""

from collections.abc import Iterable
from typing import Literal

from bedside.clinical.concepts import any_code, codes, name_of, preferred, status_code, system_name
from bedside.clinical.excluded import stands
from bedside.clinical.moments import Moment, known_first, newest_first, printed
from bedside.clinical.resources import Condition
from bedside.clinical.shown import Shown, Status

NONE_KNOWN = "160245001"
PREGNANCY = "77386006"
_ACTIVE = {"active", "recurrence", "relapse"}
_INACTIVE = {"inactive", "remission", "resolved"}


class Problem(Shown):
    id: str
    name: str | None
    code: str | None
    code_system: str | None
    status: str | None
    verification: str | None
    since: str | None


class PastProblem(Shown):
    id: str
    name: str | None
    status: str | None
    since: str | None
    ended: str | None


class ActiveProblems(Shown):
    status: Status
    answer: Literal["listed", "none-known", "none-recorded", "unknown"]
    items: list[Problem] | None


class InactiveProblems(Shown):
    status: Status
    items: list[PastProblem] | None


ACTIVE_UNAVAILABLE = ActiveProblems(status="unavailable", answer="unknown", items=None)
INACTIVE_UNAVAILABLE = InactiveProblems(status="unavailable", items=None)


def active_problems(records: Iterable[Condition], moment: Moment, *, whole: bool) -> ActiveProblems:
    current = [record for record in records if stands(record) and _is_problem(record) and is_active(record)]
    real = [record for record in current if NONE_KNOWN not in codes(record.get("code"))]
    items = [_problem(record, since, moment) for record, since in _merged(real, moment)]
    if items:
        answer: Literal["listed", "none-known", "none-recorded"] = "listed"
    else:
        answer = "none-known" if current else "none-recorded"
    return ActiveProblems(
        status="ok" if whole else "partial",
        answer=answer if whole else "unknown",
        items=sorted(items, key=lambda item: (*known_first(item.since, moment.zone), item.name or "", item.id)),
    )


def inactive_problems(records: Iterable[Condition], moment: Moment, *, whole: bool) -> InactiveProblems:
    past = [
        record
        for record in records
        if stands(record) and _is_problem(record) and status_code(record.get("clinicalStatus")) in _INACTIVE
    ]
    items = [_past(record, since, moment) for record, since in _merged(past, moment)]
    return InactiveProblems(
        status="ok" if whole else "partial",
        items=sorted(items, key=lambda item: (*known_first(item.since, moment.zone), item.name or "", item.id)),
    )


def is_pregnant(records: Iterable[Condition]) -> bool:
    return any(PREGNANCY in codes(record.get("code")) and is_active(record) for record in records if stands(record))


def is_active(record: Condition) -> bool:
    # R4 wants a status on every problem; where it is missing nevertheless, hiding the problem would be the worse error.
    status = status_code(record.get("clinicalStatus"))
    return status is None or status in _ACTIVE


def _is_problem(record: Condition) -> bool:
    found = any_code(record.get("category"))
    return "encounter-diagnosis" not in found or "problem-list-item" in found


def _merged(records: list[Condition], moment: Moment) -> list[tuple[Condition, str | None]]:
    """One record for each code, the latest recorded, with the earliest onset known of any."""
    groups: dict[tuple[str, ...], list[Condition]] = {}
    for record in records:
        coding = preferred(record.get("code"))
        code = coding.get("code")
        groups.setdefault((coding.get("system", ""), code) if code else (record["id"],), []).append(record)
    merged = []
    for group in groups.values():
        kept = min(group, key=lambda record: (newest_first(record.get("recordedDate"), moment.zone), record["id"]))
        onsets = [record["onsetDateTime"] for record in group if record.get("onsetDateTime")]
        merged.append((kept, min(onsets, key=lambda onset: known_first(onset, moment.zone), default=None)))
    return merged


def _problem(record: Condition, since: str | None, moment: Moment) -> Problem:
    coding = preferred(record.get("code"))
    return Problem(
        id=record["id"],
        name=name_of(record.get("code")),
        code=coding.get("code"),
        code_system=system_name(coding),
        status=status_code(record.get("clinicalStatus")),
        verification=status_code(record.get("verificationStatus")),
        since=printed(since, moment.zone),
    )


def _past(record: Condition, since: str | None, moment: Moment) -> PastProblem:
    return PastProblem(
        id=record["id"],
        name=name_of(record.get("code")),
        status=status_code(record.get("clinicalStatus")),
        since=printed(since, moment.zone),
        ended=printed(record.get("abatementDateTime"), moment.zone),
    )
