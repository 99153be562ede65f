"""Which versions an export has, as SQL: what was current at its snapshot, as far as the caller may see."""

import orjson

from bedside.fhir.bulk.asked import Export, pairs_of
from bedside.fhir.bulk.jobs import Job
from bedside.fhir.definitions import definitions
from bedside.fhir.search import query
from bedside.fhir.search.asked import Facility
from bedside.fhir.search.criteria import Statement


def selection(statement: Statement, job: Job, type_name: str, *, facility: Facility) -> str:
    """FROM and WHERE for versions `v` of one type."""
    export = job.export
    said = [statement.visible("v", type_name)]
    if job.since is not None:
        said.append(f"v.txn_from >= {statement.bind(job.since)}")
    if export.level != "system":
        said.append(_of_patients(statement, export))
    filters = [text for filtered, text in export.filters if filtered == type_name]
    if filters:
        said.append(_filtered(statement, type_name, filters, facility))
    return f"version v WHERE {' AND '.join(said)}"


def deletions(statement: Statement, job: Job, type_name: str) -> str:
    """FROM and WHERE for the deletions `v` since the job's `since`, with the ids of the deleted in `r`."""
    assert job.since is not None, "without an instant there is nothing to have been deleted since"
    type_id = statement.bind(definitions().type_id(type_name))
    return (
        f"version v CROSS JOIN resource r WHERE v.type_id = {type_id} AND v.op = 'D' AND v.txn_from <= {statement.now}"
        f" AND v.txn_to > {statement.now} AND v.txn_from >= {statement.bind(job.since)} AND r.rid = v.rid"
    )


def _of_patients(statement: Statement, export: Export) -> str:
    whose = ""
    if export.patients is not None:
        whose = f" AND cc.crid IN ({_numbers_of(statement, export.patients)})"
    return f"EXISTS (SELECT 1 FROM compartment cc WHERE cc.type_id = v.type_id AND cc.vid = v.vid{whose})"


def _numbers_of(statement: Statement, patients: tuple[str, ...]) -> str:
    """One argument however many patients, so that the statement is prepared once."""
    numbers = f"SELECT rid FROM resource WHERE type_id = {definitions().type_id('Patient')} AND fid"
    if statement.dialect == "postgresql":
        return f"{numbers} = ANY({statement.bind(list(patients))}::text[])"
    return f"{numbers} IN (SELECT value FROM json_each({statement.bind(orjson.dumps(patients).decode())}))"


def _filtered(statement: Statement, type_name: str, filters: list[str], facility: Facility) -> str:
    each = []
    for text in filters:
        parsed = query.parse(type_name, pairs_of(text), facility=facility)
        each.append(" AND ".join(criterion.test(statement, "v") for criterion in parsed.criteria) or "1=1")
    return "(" + " OR ".join(f"({said})" for said in each) + ")"
