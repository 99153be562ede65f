"""What every patch does: from a resource it makes another."""

from collections.abc import Callable
from typing import Any

from bedside.fhir.outcome import Issue, Refused

Patch = Callable[[dict[str, Any]], Any]
"""Given a copy that is the patch's own to change. Refused with 422 when it cannot be applied to this resource.

Applied again when the transaction is run again, so what it puts in is a copy too: references are rewritten there.
"""

OPERATIONS_MAX = 1000
RESULT_BYTES_MAX = 32 * 1024 * 1024


def malformed(text: str, at: str | None = None) -> Refused:
    """The patch makes no sense, whatever it is applied to."""
    return Refused(400, [Issue("invalid", text, at)])


def inapplicable(text: str, at: str | None = None) -> Refused:
    """The patch makes sense, and not with this resource."""
    return Refused(422, [Issue("processing", text, at)])
