"""What a FHIR server says when it says no: issues, and the OperationOutcome that carries them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

Severity = Literal["fatal", "error", "warning", "information"]


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing that is wrong.

    `code` is of https://hl7.org/fhir/R4/valueset-issue-type.html; `text` never repeats what the caller sent;
    `at` is the place as `Patient.name[0].given[1]`, or None when it is nowhere in the body.
    """

    code: str
    text: str
    at: str | None = None
    severity: Severity = "error"

    def as_json(self) -> dict[str, Any]:
        """The `OperationOutcome.issue` item."""
        item: dict[str, Any] = {"severity": self.severity, "code": self.code, "details": {"text": self.text}}
        if self.at is not None:
            item["expression"] = [self.at]
        return item


class Refused(Exception):
    """The request is answered with `status` and these issues. Nothing of it was kept."""

    def __init__(self, status: int, issues: Iterable[Issue]) -> None:
        self.status = status
        self.issues = tuple(issues)
        super().__init__(f"refused with status {status}")


def operation_outcome(issues: Iterable[Issue]) -> dict[str, Any]:
    """The resource; without issues it says that all is well, for R4 wants at least one."""
    told = [issue.as_json() for issue in issues]
    return {"resourceType": "OperationOutcome", "issue": told or [_ALL_WELL.as_json()]}


_ALL_WELL = Issue("informational", "All OK", severity="information")
