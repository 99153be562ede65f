"""Instants as the store keeps them: whole microseconds since 1970, UTC, of which clients see milliseconds."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = 1000


def stored(moment: datetime) -> int:
    """Cut to the millisecond, so that the row and `meta.lastUpdated` say the same."""
    return (moment - _EPOCH) // timedelta(microseconds=1) // _MILLISECOND * _MILLISECOND


def shown(updated: int) -> str:
    """`2026-01-15T10:30:00.000Z`."""
    return moment(updated).strftime("%Y-%m-%dT%H:%M:%S.") + f"{updated // _MILLISECOND % 1000:03d}Z"


def moment(updated: int) -> datetime:
    """Aware, UTC."""
    return _EPOCH + timedelta(microseconds=updated)


def following(now: int, previous: int) -> int:
    """A version is never older than the one before it, whatever the clock did."""
    return max(now, previous + _MILLISECOND)
