"""What a finished export tells: https://hl7.org/fhir/uv/bulkdata/STU2/export.html#response---complete-status"""

from typing import Any

from bedside.fhir.bulk.jobs import Job
from bedside.fhir.store.instants import shown


def manifest(job: Job, base_url: str) -> dict[str, Any]:
    """Every list is there, if empty: clients read them all."""
    told: dict[str, list[dict[str, Any]]] = {"output": [], "deleted": [], "error": []}
    for place, file in enumerate(job.files):
        url = f"{base_url}/$export-file/{job.id}/{file.type_name}/{place}"
        # The lines of a list of deletions are Bundles.
        type_name = "Bundle" if file.kind == "deleted" else file.type_name
        told[file.kind].append({"type": type_name, "url": url, "count": file.count})
    head = {"transactionTime": shown(job.instant), "request": job.request, "requiresAccessToken": True}
    return {**head, **told}
