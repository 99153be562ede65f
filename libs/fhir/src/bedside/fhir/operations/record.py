"""A record as SQL: what lies in a compartment, and what that refers to."""

from dataclasses import dataclass

from bedside.events.database.port import Reader
from bedside.fhir.definitions import definitions
from bedside.fhir.operations.care_dates import Within
from bedside.fhir.search.compartments import within
from bedside.fhir.search.context import Owner
from bedside.fhir.search.criteria import Statement, sp_among
from bedside.fhir.search.paging import PagePosition
from bedside.fhir.search.parameters import parameters
from bedside.fhir.search.purview import Purview, in_patient_compartment
from bedside.fhir.search.running import Page, Stored


@dataclass(frozen=True)
class Record:
    """What is asked of a record. `owned` are the types of this service, `wanted` those to tell of; `since` is
    microseconds UTC. Versions are those current at `snapshot`, as far as `purview` lets them be read."""

    owned: tuple[str, ...]
    wanted: tuple[str, ...]
    care: Within | None
    since: int | None
    count: int
    snapshot: int
    purview: Purview


async def page(reader: Reader, record: Record, owner: Owner, after: int | None, *keys: int) -> Page:
    """The first page, or the one after the version with that number. `keys` are for the position of the next."""
    if not record.wanted:
        return Page([], [], None, None, record.snapshot)
    statement = Statement(reader.dialect, snapshot=record.snapshot, purview=record.purview)
    rows = await reader.fetch(_select(statement, record, owner, after), *statement.arguments)
    found = [
        Stored(definitions().type_name(type_id), id, version, updated, bytes(body), vid, rid)
        for id, version, updated, body, vid, rid, type_id in rows[: record.count]
    ]
    following = PagePosition(record.snapshot, keys, found[-1].vid) if len(rows) > record.count else None
    return Page(found, [], None, following, record.snapshot)


def _select(statement: Statement, record: Record, owner: Owner, after: int | None) -> str:
    members = _members(statement, record, owner)
    near = _referred(statement, record, owner, "m")
    far = _referred(statement, record, owner, "n")
    said = [f"v.type_id IN ({_type_ids(record.wanted)})"]
    if record.since is not None:
        said.append(f"v.ts >= {statement.bind(record.since)}")
    if after is not None:
        said.append(f"v.vid < {statement.bind(after)}")
    return (
        f"WITH m AS ({members}), n AS ({near}), o AS ({far})"
        " SELECT r.fid, v.ver, v.ts, v.body, v.vid, v.rid, v.type_id"
        " FROM (SELECT vid FROM m UNION SELECT vid FROM n UNION SELECT vid FROM o) e"
        f" CROSS JOIN version v CROSS JOIN resource r WHERE v.vid = e.vid AND r.rid = v.rid AND {' AND '.join(said)}"
        f" ORDER BY v.vid DESC LIMIT {statement.bind(record.count + 1)}"
    )


def _members(statement: Statement, record: Record, owner: Owner) -> str:
    lying = tuple(name for name in record.owned if definitions().compartment_parameters(owner.type_name, name))
    inside = tuple(dict.fromkeys((*lying, *(name for name in record.owned if name == owner.type_name))))
    if not inside:
        return "SELECT v.vid FROM version v WHERE 1=0"
    rows = within(owner, inside).rows(statement)
    assert rows is not None, "a compartment is found by its index"
    said = statement.visible_among("v", inside, "r")
    if record.care is not None:
        said += f" AND {record.care.test(statement, 'v', inside)}"
    return (
        f"SELECT v.vid FROM (SELECT DISTINCT vid FROM ({rows}) c) d CROSS JOIN version v WHERE v.vid = d.vid AND {said}"
    )


def _referred(statement: Statement, record: Record, owner: Owner, source: str) -> str:
    """What the versions of `source` refer to that is no other patient's."""
    nobodys = tuple(name for name in record.owned if not in_patient_compartment(name))
    branches = [statement.visible_among("t", nobodys, "r")] if nobodys else []
    if owner.type_name == "Encounter":
        of_patients = tuple(name for name in record.owned if in_patient_compartment(name))
        seen = statement.visible_among("t", of_patients, "r")
        branches.append(f"{seen} AND {_of_the_patient(statement, owner)}")
    said = " OR ".join(f"({branch})" for branch in branches) or "1=0"
    return (
        f"SELECT DISTINCT t.vid FROM {source} s CROSS JOIN ix_ref i CROSS JOIN version t"
        f" WHERE i.vid = s.vid AND t.rid = i.trid AND ({said})"
    )


def _of_the_patient(statement: Statement, encounter: Owner) -> str:
    """That a version `t` lies in the compartment of the patient whom the encounter is with."""
    sps = parameters("Encounter")["patient"].sps
    patients = (
        f"SELECT p.trid FROM version w CROSS JOIN ix_ref p WHERE w.rid = {statement.resource(*encounter)}"
        f" AND w.txn_from <= {statement.now} AND w.txn_to > {statement.now} AND p.vid = w.vid AND {sp_among('p', sps)}"
    )
    return (
        "EXISTS (SELECT 1 FROM compartment cc WHERE cc.type_id = t.type_id AND cc.vid = t.vid"
        f" AND cc.crid IN ({patients}))"
    )


def _type_ids(type_names: tuple[str, ...]) -> str:
    return ", ".join(str(definitions().type_id(name)) for name in type_names)
