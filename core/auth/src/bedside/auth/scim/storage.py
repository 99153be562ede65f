"""Where scim2-server reads and writes: the directory. One SCIM operation is one unit of work."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from scim2_models import (
    ForbiddenException,
    InvalidValueException,
    NotFoundException,
    NotImplementedException,
    PreconditionFailedException,
    SCIMException,
    UniquenessException,
)
from scim2_server.storage import ScimStorage, SearchPage
from sqlmodel import Session, col, func, select

from bedside.auth.authority import Authority
from bedside.auth.directory import (
    Actor,
    DirectoryRefused,
    administering,
    delete_group,
    delete_user,
    find_group,
    find_user,
)
from bedside.auth.directory.judging import take_turn
from bedside.auth.scim import filtering, groups, users
from bedside.auth.scim.shapes import RESULTS_MAX
from bedside.auth.scim.users import Passwords
from bedside.auth.tables import Group, User

_REFUSALS: dict[str, type[SCIMException]] = {
    "not-permitted": ForbiddenException,
    "self-promotion": ForbiddenException,
    "last-administrator": ForbiddenException,
    "username-taken": UniquenessException,
    "group-name-taken": UniquenessException,
}


_SEARCHED: dict[str, tuple[Any, filtering.Attributes]] = {
    "User": (User, filtering.USER),
    "Group": (Group, filtering.GROUP),
}


class DirectoryStorage(ScimStorage):
    """Of one request, by one actor. `writes`: whether the request may change anything."""

    def __init__(self, authority: Authority, actor: Actor, passwords: Passwords, *, writes: bool) -> None:
        self._authority = authority
        self._actor = actor
        self._passwords = passwords
        self._writes = writes
        self._session: Session | None = None

    @contextmanager
    def operation(self) -> Iterator[None]:
        try:
            with self._unit() as session:
                self._session = session
                yield
        except DirectoryRefused as refused:
            kind = _REFUSALS.get(refused.reason, InvalidValueException)
            raise kind(detail=f"{refused.reason}: {refused.sentence}") from refused
        finally:
            self._session = None

    @contextmanager
    def _unit(self) -> Iterator[Session]:
        if not self._writes:
            with self._authority.units.reading() as session:
                yield session
            return
        with administering(self._authority, self._actor) as session:
            # What is read from here on is what will be changed: a stale ETag is found out by the second of two.
            take_turn(session)
            yield session

    @property
    def _open(self) -> Session:
        assert self._session is not None, "scim2-server calls the storage within an operation"
        return self._session

    def get(self, resource_type: Any, resource_id: str, *, response_parameters: Any = None) -> Any:
        row = self._row(resource_type.name, resource_id)
        return self._shown(row)

    def search(self, resource_types: list[Any], search_request: Any, *, position: Any = None) -> SearchPage:
        """Of several types first the Users, then the Groups, as one list."""
        if len(resource_types) > 1 and search_request.sort_by:
            raise NotImplementedException(detail="Users and Groups have no order in common: sort one of them.")
        searches = [self._asked(kind.name, search_request) for kind in resource_types]
        totals = [self._open.scalar(select(func.count()).select_from(asked.subquery())) or 0 for asked in searches]
        skip = search_request.start_index_0 or 0
        room = RESULTS_MAX if search_request.count is None else min(search_request.count, RESULTS_MAX)
        found: list[Any] = []
        for asked, total in zip(searches, totals, strict=True):
            found += self._open.scalars(asked.offset(skip).limit(room - len(found))).all() if skip < total else []
            skip = max(0, skip - total)
        return SearchPage(sum(totals), [self._shown(row) for row in found])

    def _asked(self, type_name: str, search_request: Any) -> Any:
        table, attributes = _SEARCHED[type_name]
        asked = select(table)
        if table is User:
            asked = asked.where(col(User.deleted_at).is_(None))
        if search_request.filter is not None:
            asked = asked.where(filtering.condition(search_request.filter, attributes))
        if search_request.sort_by:
            column = filtering.order(search_request.sort_by, attributes)
            descending = search_request.sort_order == search_request.SortOrder.descending
            asked = asked.order_by(column.is_(None), column.desc() if descending else column.asc())
        return asked.order_by(table.id)

    def create(self, resource_type: Any, resource: Any) -> Any:
        if resource_type.name == "User":
            return self._shown(users.create(self._authority, self._open, self._actor, resource, self._passwords))
        return self._shown(groups.create(self._authority, self._open, self._actor, resource))

    def update(self, resource_type: Any, resource: Any, *, expected_version: str | None = None) -> Any:
        row = self._expected(resource_type.name, resource.id, expected_version)
        if isinstance(row, User):
            users.update(self._authority, self._open, self._actor, row, resource, self._passwords)
        else:
            groups.update(self._authority, self._open, self._actor, row, resource)
        self._open.flush()
        self._open.refresh(row)
        return self._shown(row)

    def delete(self, resource_type: Any, resource_id: str, *, expected_version: str | None = None) -> None:
        row = self._expected(resource_type.name, resource_id, expected_version)
        if isinstance(row, User):
            delete_user(self._authority, self._open, self._actor, row)
        else:
            delete_group(self._authority, self._open, self._actor, row)

    def _row(self, type_name: str, resource_id: str) -> User | Group:
        find = {"User": find_user, "Group": find_group}[type_name]
        # PostgreSQL keeps no null character, and would fail where nothing can be found.
        row = find(self._open, resource_id) if "\x00" not in resource_id else None
        if row is None:
            raise NotFoundException(detail="There is no such resource.")
        return row

    def _expected(self, type_name: str, resource_id: str, expected_version: str | None) -> User | Group:
        row = self._row(type_name, resource_id)
        if expected_version is not None and expected_version != f'W/"{row.version}"':
            raise PreconditionFailedException(detail="It has been changed since.")
        return row

    def _shown(self, row: User | Group) -> Any:
        shown = users.shown if isinstance(row, User) else groups.shown
        return shown(self._authority, self._open, row)  # type: ignore[arg-type]
