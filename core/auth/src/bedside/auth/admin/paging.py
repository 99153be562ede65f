"""Long lists, a page at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from sqlalchemy import func
from sqlmodel import Session, select

from bedside.auth.parameters import Parameters

ROWS = 25
PAGES_MAX = 400
"""Further on, searching finds more than turning pages."""
Row = TypeVar("Row")


@dataclass(frozen=True)
class Page(Generic[Row]):
    rows: Sequence[Row]
    number: int
    """From 1."""
    total: int

    @property
    def last(self) -> int:
        return max(1, min(-(-self.total // ROWS), PAGES_MAX))

    @property
    def begins(self) -> int:
        return (self.number - 1) * ROWS + 1

    @property
    def ends(self) -> int:
        return self.begins + len(self.rows) - 1


def page_number(query: Parameters) -> int:
    """What is no number, or beyond the bounds, is brought within them."""
    given = query.get("page") or ""
    number = int(given) if given.isascii() and given.isdigit() and len(given) <= 6 else 1
    return max(1, min(number, PAGES_MAX))


def page_of(session: Session, rows: Any, *, number: int) -> Page[Any]:
    """`rows` is a select of one table, ordered, something unique last. A number beyond the last page shows that one."""
    total = session.execute(select(func.count()).select_from(rows.order_by(None).subquery())).scalar_one()
    number = min(number, Page[Any]([], number, total).last)
    found = session.execute(rows.offset((number - 1) * ROWS).limit(ROWS)).scalars().all()
    return Page(found, number, total)


def address_of_page(path: str, query: Parameters, number: int) -> str:
    """The same list with the same filters, turned to that page."""
    kept = [(name, value) for name, value in query.pairs if name not in ("page", "note", "again") and value]
    return f"{path}?{urlencode([*kept, ('page', str(number))])}"
