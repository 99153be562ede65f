"""What the FHIR base says when it says no: an OperationOutcome with its status."""

from collections.abc import Mapping, Sequence

import orjson
from starlette.responses import Response

from bedside.fhir.outcome import Issue, Refused, operation_outcome
from bedside.gateway.federation.wire import Unreachable

FHIR_JSON = "application/fhir+json; charset=utf-8"
RETRY_AFTER_S = 2


def outcome(status: int, issues: Sequence[Issue], headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(operation_outcome(issues)), status, headers, FHIR_JSON)


def refusal(problem: Refused | Unreachable) -> Response:
    if isinstance(problem, Unreachable):
        return outcome(503, [unavailable(problem)], {"Retry-After": str(RETRY_AFTER_S)})
    return outcome(problem.status, problem.issues)


def unavailable(problem: Unreachable) -> Issue:
    return Issue("transient", f"The service {problem.service} does not answer at the moment.")


def unknown_type(type_name: str, at: str | None = None) -> Issue:
    return Issue("not-supported", f"The resource type {shown(type_name)} is not known here.", at)


def shown(word: str, length_max: int = 64) -> str:
    """A caller's word as it may be repeated: FHIR names only, since anything else could carry a patient's data."""
    return f"'{word}'" if word.isascii() and word.replace("_", "").isalnum() and len(word) <= length_max else "given"
