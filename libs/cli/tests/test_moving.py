"""The demo's records, moved in time by the ward's clock."""

from zoneinfo import ZoneInfo

import pytest

from bedside.cli.demo.moving import moved

LONDON = ZoneInfo("Europe/London")
TO_NOVEMBER = 162


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("2026-06-15", "2026-11-24"),
        ("2026-06-15T08:30:00+01:00", "2026-11-24T08:30:00+00:00"),
        ("2026-01-15T08:30:00+00:00", "2026-06-26T08:30:00+01:00"),
        # Half past midnight in London is the day before in UTC, and stays half past midnight.
        ("2026-06-14T23:30:00Z", "2026-11-24T00:30:00Z"),
        ("2026-06-15T08:30:00.250+01:00", "2026-11-24T08:30:00.250+00:00"),
        ("2026-06-15T09:30:00+02:00", "2026-11-24T10:30:00+02:00"),
        # Not known more precisely, or no date at all.
        ("2026", "2026"),
        ("2026-06", "2026-06"),
        ("2026-13-45", "2026-13-45"),
        ("9790977", "9790977"),
    ],
)
def test_the_wall_clock_of_the_ward_is_kept(told: str, expected: str) -> None:
    assert moved(told, TO_NOVEMBER, LONDON) == expected


def test_a_record_moved_by_no_days_is_unchanged() -> None:
    record = {"onset": "2026-06-15T08:30:00+02:00", "value": 1.5, "parts": [True, None, "2026-06-15"]}

    assert moved(record, 0, LONDON) == record


def test_everything_but_times_stays() -> None:
    record = {"id": "p1", "period": {"start": "2026-06-15"}, "value": [70, 1.50, False]}

    assert moved(record, 1, LONDON) == {"id": "p1", "period": {"start": "2026-06-16"}, "value": [70, 1.50, False]}
