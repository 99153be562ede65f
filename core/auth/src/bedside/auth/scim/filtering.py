"""SCIM filters as conditions of our own database.

https://www.rfc-editor.org/rfc/rfc7644#section-3.4.2.2. Only what stands in a table below can be asked for, and what was
typed is only ever a bound parameter, in which `%` and `_` mean themselves.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from scim2_models import InvalidFilterException, Path
from scim2_models.path import (
    AttrPath,
    CompareOperator,
    Comparison,
    FilterVisitor,
    LogicalExpr,
    LogicalOperator,
    Not,
    Present,
    ValuePath,
)
from sqlalchemy import ColumnElement, and_, exists, false, func, not_, null, or_, true
from sqlmodel import col

from bedside.auth.directory import folded
from bedside.auth.tables import Group, GroupMember, User, UserRole
from bedside.auth.tables.instant import Instant

FILTER_CHARACTERS_MAX = 4_000
FILTER_DEPTH_MAX = 20
# PostgreSQL keeps no null character, and nothing can be sent with half a surrogate pair.
_UNKEPT = re.compile(r"[\x00\ud800-\udfff]")
Condition = ColumnElement[bool]


@dataclass(frozen=True)
class Kept:
    """Where an attribute is kept. `prepare` makes what was typed comparable with it."""

    column: Any
    kind: type = str
    prepare: Callable[[Any], Any] = lambda value: value


@dataclass(frozen=True)
class Listed:
    """An attribute with several values, of which one must fit: only `eq` can be asked."""

    having: Callable[[str], Condition]
    any: Condition


def _lower(column: Any) -> Kept:
    # SQLite folds ASCII only; names in other scripts compare as they are written there.
    return Kept(func.lower(column), prepare=lambda value: value.lower())


def _instant(value: str) -> datetime:
    try:
        told = datetime.fromisoformat(value)
    except ValueError as error:
        raise InvalidFilterException(detail="A time is written like 2026-03-01T12:00:00Z.") from error
    return told if told.tzinfo else told.replace(tzinfo=UTC)


def _times(table: type[User] | type[Group]) -> dict[str, Kept]:
    changed = func.coalesce(col(table.changed_at), col(table.created_at), type_=Instant)
    return {
        "meta.created": Kept(col(table.created_at), datetime, _instant),
        "meta.lastmodified": Kept(changed, datetime, _instant),
    }


_held = exists().where(col(UserRole.user_id) == col(User.id))
_joined = exists().where(col(GroupMember.user_id) == col(User.id))
_peopled = exists().where(col(GroupMember.group_id) == col(Group.id))
_ROLES = Listed(lambda value: _held.where(col(UserRole.role) == value), _held)
_GROUPS = Listed(lambda value: _joined.where(col(GroupMember.group_id) == value), _joined)
_NEVER = Kept(null())
_MEMBERS = Listed(lambda value: _peopled.where(col(GroupMember.user_id) == value), _peopled)

Attributes = Mapping[str, Kept | Listed]
USER: Attributes = {
    "id": Kept(col(User.id)),
    "externalid": Kept(col(User.external_id)),
    "username": Kept(col(User.username), prepare=folded),
    "displayname": _lower(col(User.name)),
    "name.givenname": _lower(col(User.given_name)),
    "name.familyname": _lower(col(User.family_name)),
    "emails": _lower(col(User.email)),
    "emails.value": _lower(col(User.email)),
    "active": Kept(col(User.active), bool),
    "urn:bedside:scim:user:fhiruser": Kept(col(User.fhir_user)),
    "roles": _ROLES,
    "roles.value": _ROLES,
    "groups": _GROUPS,
    "groups.value": _GROUPS,
    **_times(User),
}
GROUP: Attributes = {
    "id": Kept(col(Group.id)),
    "externalid": Kept(col(Group.external_id)),
    "displayname": _lower(col(Group.name)),
    "members": _MEMBERS,
    "members.value": _MEMBERS,
    **_times(Group),
}
_CORE = "urn:ietf:params:scim:schemas:core:2.0:"


def condition(expression: Any, attributes: Attributes) -> Condition:
    """Raises InvalidFilterException for what cannot be asked. What only the other type has is absent from this one."""
    if len(str(expression)) > FILTER_CHARACTERS_MAX:
        raise InvalidFilterException(detail=f"A filter has {FILTER_CHARACTERS_MAX} characters at most.")
    return _Conditions(attributes).visit(expression.ast)


def order(path: Path[Any], attributes: Attributes) -> Any:
    kept = attributes.get(_key(str(path)))
    if not isinstance(kept, Kept):
        raise InvalidFilterException(detail="Sorting by this attribute is not supported.")
    return kept.column


def _key(path: str) -> str:
    key = path.casefold()
    for name in ("user:", "group:"):
        key = key.removeprefix(_CORE.casefold() + name)
    return key


class _Conditions(FilterVisitor[Condition]):
    def __init__(self, attributes: Attributes, within: str = "") -> None:
        self._attributes = attributes
        self._within = within
        self._depth = 0

    def visit(self, node: Any) -> Condition:
        self._depth += 1
        if self._depth > FILTER_DEPTH_MAX:
            raise InvalidFilterException(detail=f"A filter is nested {FILTER_DEPTH_MAX} deep at most.")
        try:
            return super().visit(node)
        finally:
            self._depth -= 1

    def visit_logical_expr(self, node: LogicalExpr) -> Condition:
        terms = [self.visit(term) for term in node.terms]
        return and_(true(), *terms) if node.op == LogicalOperator.and_ else or_(false(), *terms)

    def visit_not(self, node: Not) -> Condition:
        return not_(self.visit(node.expr))

    def visit_present(self, node: Present) -> Condition:
        kept = self._kept(node.attr_path)
        if isinstance(kept, Listed):
            return kept.any
        return and_(kept.column.is_not(None), kept.column != "" if kept.kind is str else true())

    def visit_value_path(self, node: ValuePath) -> Condition:
        within = str(node.attr_path)
        # `emails[type eq "work" and value eq "…"]`, as Entra asks: one address is searched, whatever its type.
        narrowed = _Conditions(self._attributes, within=f"{within}.")
        narrowed._depth = self._depth
        return narrowed.visit(node.val_filter)

    def visit_comparison(self, node: Comparison) -> Condition:
        kept = self._kept(node.attr_path)
        if isinstance(node.value, str) and _UNKEPT.search(node.value):
            raise InvalidFilterException(detail="The value holds what is no character.")
        if isinstance(kept, Listed):
            if node.op != CompareOperator.eq or not isinstance(node.value, str):
                raise InvalidFilterException(detail="Of an attribute with several values only eq can be asked.")
            return kept.having(node.value)
        if node.value is None:
            return _absent(kept, node.op)
        # A JSON true is no string, nor a number a time.
        if not isinstance(node.value, bool if kept.kind is bool else str):
            raise InvalidFilterException(detail="The value has another type than the attribute.")
        return _compared(kept.column, node.op, kept.prepare(node.value), kept.kind)

    def _kept(self, path: AttrPath) -> Kept | Listed:
        kept = self._attributes.get(_key(f"{self._within}{path}"))
        if kept is not None:
            return kept
        if any(_key(f"{self._within}{path}") in known for known in (USER, GROUP)):
            return _NEVER
        raise InvalidFilterException(detail="Filtering by this attribute is not supported.")


def _absent(kept: Kept, operator: CompareOperator) -> Condition:
    if operator == CompareOperator.eq:
        return and_(kept.column.is_(None))
    if operator == CompareOperator.ne:
        return and_(kept.column.is_not(None))
    raise InvalidFilterException(detail="null is compared by eq and ne only.")


def _compared(column: ColumnElement[Any], operator: CompareOperator, value: Any, kind: type) -> Condition:
    match operator:
        case CompareOperator.eq:
            found = column == value
        case CompareOperator.ne:
            return or_(column.is_(None), column != value)
        case CompareOperator.co if kind is str:
            found = column.contains(value, autoescape=True)
        case CompareOperator.sw if kind is str:
            found = column.startswith(value, autoescape=True)
        case CompareOperator.ew if kind is str:
            found = column.endswith(value, autoescape=True)
        case CompareOperator.gt if kind is not bool:
            found = column > value
        case CompareOperator.ge if kind is not bool:
            found = column >= value
        case CompareOperator.lt if kind is not bool:
            found = column < value
        case CompareOperator.le if kind is not bool:
            found = column <= value
        case _:
            raise InvalidFilterException(detail="This attribute cannot be compared so.")
    # Without it, NOT of an unknown value would be unknown, and find nobody.
    return and_(column.is_not(None), found)
