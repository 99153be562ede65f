"""Which patient a path is about, or why nothing is said of them."""

import re
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from bedside.clinical.resources import Patient
from bedside.gateway.viewing.records import NoSuchPatient, NotAnswered, Records
from bedside.gateway.viewing.refusals import Refusal, refused

ID = re.compile(r"[A-Za-z0-9.-]{1,64}", re.ASCII)
MRN = re.compile(r"mrn:(\S{1,64})")


async def by_number(request: Request, records: Records, given: str, number: str, bearer: str) -> Response:
    """To the same path with the patient's id. Raises NoSuchPatient."""
    page = await records.search("Patient", [("identifier", number), ("_count", "10")], bearer)
    ids = sorted({record["id"] for record in page.records if _has_mrn(record, number)})
    if not ids:
        raise NoSuchPatient
    if len(ids) > 1:
        return refused(Refusal(409, "possible-duplicate", "Several patients have this number.", {"ids": ids}))
    path = request.scope["root_path"] + request.scope["path"].removeprefix(request.scope["root_path"])
    location = quote(path.replace(given, ids[0], 1))
    return Response(status_code=307, headers={"Location": location, "Cache-Control": "no-store"})


def check_not_merged(patient: Patient) -> None:
    """Raises Refusal with the survivor's id."""
    survivor = _survivor(patient)
    if survivor:
        raise Refusal(410, "merged-away", "This record was merged into another.", {"survivor": survivor})


def without_identity(problem: NotAnswered) -> Refusal:
    if problem.problem == "not-permitted":
        return Refusal(403, "not-your-role", "You may not see this patient.")
    return Refusal(
        503, "identity-unavailable", "Who the patient is could not be loaded, so nothing is shown.",
        headers={"Retry-After": "2"},
    )  # fmt: skip


def _survivor(patient: Patient) -> str | None:
    for link in patient.get("link", []):
        if link.get("type") == "replaced-by":
            return link.get("other", {}).get("reference", "").rpartition("/")[2] or None
    return None


def _has_mrn(record: dict[str, Any], number: str) -> bool:
    return any(
        identifier.get("value") == number and identifier.get("use") != "old"
        for identifier in record.get("identifier") or []
        if "MR" in {coding.get("code") for coding in (identifier.get("type") or {}).get("coding") or []}
    )
