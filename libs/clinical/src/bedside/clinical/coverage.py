"""R18: who pays."""

from collections.abc import Iterable

from bedside.clinical.concepts import name_of
from bedside.clinical.directory import Directory
from bedside.clinical.moments import Moment, last_day, newest_first, printed
from bedside.clinical.resources import Coverage
from bedside.clinical.shown import Shown, Status


class Cover(Shown):
    id: str
    payer: str | None
    type: str | None
    member_id: str | None
    holder: str | None
    start: str | None
    end: str | None
    current: bool


class Covers(Shown):
    status: Status
    items: list[Cover] | None


UNAVAILABLE = Covers(status="unavailable", items=None)


def coverage(records: Iterable[Coverage], directory: Directory, moment: Moment, *, whole: bool) -> Covers:
    active = [record for record in records if record.get("status") == "active"]
    active.sort(key=lambda record: (newest_first(record.get("period", {}).get("start"), moment.zone), record["id"]))
    return Covers(status="ok" if whole else "partial", items=[_cover(record, directory, moment) for record in active])


def _cover(record: Coverage, directory: Directory, moment: Moment) -> Cover:
    period = record.get("period", {})
    ends = last_day(period.get("end"), moment.zone)
    payers = record.get("payor", [])
    return Cover(
        id=record["id"],
        payer=directory.name(payers[0]) if payers else None,
        type=name_of(record.get("type")),
        member_id=record.get("subscriberId"),
        holder=directory.name(record.get("subscriber")),
        start=printed(period.get("start"), moment.zone),
        end=printed(period.get("end"), moment.zone),
        current=ends is None or ends >= moment.today,
    )
