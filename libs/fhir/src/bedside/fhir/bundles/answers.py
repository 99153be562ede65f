"""The entries of a response Bundle."""

from http import HTTPStatus
from typing import Any

from bedside.fhir.outcome import Issue, Refused, operation_outcome
from bedside.fhir.rest.splicing import Bundle
from bedside.fhir.store.draft import Written
from bedside.fhir.store.instants import shown


def add_written(bundle: Bundle, written: Written, *, base_url: str, wish: str | None) -> None:
    """The resource itself only when `Prefer: return=representation` was said."""
    response: dict[str, Any] = {"status": status_line(written.status)}
    address = f"{base_url}/{written.type_name}/{written.id}"
    if written.version:
        response["etag"] = f'W/"{written.version}"'
        response["lastModified"] = shown(written.updated)
    if written.status in (200, 201):
        response["location"] = f"{address}/_history/{written.version}"
    if wish == "OperationOutcome":
        text = "the resource is deleted" if written.status == 204 else "the resource was stored"
        done = Issue("informational", text, severity="information")
        response["outcome"] = operation_outcome([done])
    body = written.body if wish == "representation" and written.status != 204 else None
    bundle.entry(full_url=address if body is not None else None, resource=body, response=response)


def add_refused(bundle: Bundle, refused: Refused) -> None:
    """An entry of a batch that was not carried out."""
    outcome = operation_outcome(refused.issues)
    bundle.entry(response={"status": status_line(refused.status), "outcome": outcome})


def status_line(status: int) -> str:
    """`201 Created`."""
    return f"{status} {HTTPStatus(status).phrase}"
