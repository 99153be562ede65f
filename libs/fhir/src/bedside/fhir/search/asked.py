"""A parameter as it was asked for, before it is understood."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import NoReturn

from bedside.fhir.outcome import Issue, Refused

VALUES_MAX = 1000
VALUE_CHARACTERS_MAX = 2048


@dataclass(frozen=True)
class Facility:
    """Where we are: the base of our own references, and the zone of dates without one."""

    base_url: str = ""
    zone: tzinfo = UTC


@dataclass(frozen=True)
class Asked:
    """One parameter of a query: `name:modifier=value,value`. The values keep their escapes.

    `sps` are the numbers under which its index rows stand; `implied_systems` the systems of codes that stand in
    resources without one (`gender`); `is_identifier` that identifiers are what it finds; `has_text` that
    words may stand beside the codes.
    """

    type_name: str
    code: str
    modifier: str | None
    values: tuple[str, ...]
    sps: tuple[int, ...]
    targets: tuple[str, ...]
    facility: Facility
    is_by_patient: bool = False
    implied_systems: frozenset[str] = frozenset()
    # All types it is asked of, where these are several that mean the same by it.
    type_names: tuple[str, ...] = ()
    is_identifier: bool = False
    has_text: bool = False

    @property
    def name(self) -> str:
        return f"{self.code}:{self.modifier}" if self.modifier else self.code

    def refuse(self, why: str) -> NoReturn:
        raise Refused(400, [Issue("value", f"Parameter {self.name}: {why}")])

    def cannot(self, why: str) -> NoReturn:
        """As `refuse`, for what FHIR has and we have not."""
        raise Refused(400, [Issue("not-supported", f"Parameter {self.name}: {why}")])

    def too_costly(self, why: str) -> NoReturn:
        raise Refused(400, [Issue("too-costly", f"Parameter {self.name}: {why}")])

    def allow(self, modifiers: Collection[str]) -> None:
        """Refused when the modifier is none of these."""
        if self.modifier is not None and self.modifier not in modifiers:
            known = ", ".join(f":{modifier}" for modifier in sorted({*modifiers, "missing"}))
            raise Refused(
                400,
                [Issue("not-supported", f"Parameter {self.code} has no such modifier here; it has {known}")],
            )
