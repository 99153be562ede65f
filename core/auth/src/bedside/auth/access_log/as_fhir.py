"""A row as FHIR AuditEvent. https://hl7.org/fhir/R4/auditevent.html"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any

from sqlmodel import Session, col, select

from bedside.auth.access_log.actions import OURS, Coding, kind_of
from bedside.auth.tables import AuditEvent, Client, User

OUTCOMES = {"success": "0", "refused": "4", "failed": "8"}
ACT_REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
ROLE = "urn:bedside:role"
SERVICE = "urn:bedside:service"
_OURS = {name: f"urn:bedside:{name.lower()}" for name in ("User", "Client", "Key", "Session", "Token")}
_ENTITY_TYPE = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_OBJECT_ROLE = "http://terminology.hl7.org/CodeSystem/object-role"
_RESOURCE_TYPE = "http://hl7.org/fhir/resource-types"
_SOURCE_TYPE = "http://terminology.hl7.org/CodeSystem/security-source-type"
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_TYPE = re.compile(r"[A-Z][A-Za-z]{1,63}")


@dataclass(frozen=True)
class Names:
    """Who is meant by the ids in the log. Names are not logged: they are looked up when the log is read."""

    people: Mapping[str, User] = field(default_factory=dict)
    clients: Mapping[str, Client] = field(default_factory=dict)

    @classmethod
    def of(cls, session: Session, rows: Collection[AuditEvent]) -> "Names":
        people = {row.user_id for row in rows if row.user_id}
        clients = {row.client_id for row in rows if row.client_id}
        return cls(
            {user.id: user for user in session.exec(select(User).where(col(User.id).in_(people)))},
            {client.id: client for client in session.exec(select(Client).where(col(Client.id).in_(clients)))},
        )


def audit_event(row: AuditEvent, names: Names, *, only_patient: str | None = None) -> dict[str, Any]:
    """`only_patient` is whose app asks: of the others that the same access concerned, nothing is told."""
    kind = kind_of(row.action)
    subtypes = [kind.subtype, (OURS, row.action, row.action)] if kind.subtype else [(OURS, row.action, row.action)]
    at = row.recorded_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    told: dict[str, Any] = {
        "resourceType": "AuditEvent",
        "id": row.id,
        "meta": {"versionId": "1", "lastUpdated": at},
        "type": _coding(kind.type),
        "subtype": [_coding(subtype) for subtype in subtypes],
        "action": kind.letter,
        "recorded": at,
        "outcome": OUTCOMES[row.outcome],
        "purposeOfEvent": [{"coding": [{"system": ACT_REASON, "code": row.purpose}]}] if row.purpose else None,
        "agent": _agents(row, names),
        "source": {
            "site": row.source,
            "observer": {"identifier": {"system": SERVICE, "value": row.source}},
            "type": [_coding((_SOURCE_TYPE, "6", "Security Server") if row.source == "auth" else
                             (_SOURCE_TYPE, "4", "Application Server"))],
        },
        "entity": _entities(row, only_patient),
    }  # fmt: skip
    return {name: value for name, value in told.items() if value}


def _agents(row: AuditEvent, names: Names) -> list[dict[str, Any]]:
    agents = []
    if row.user_id:
        user = names.people.get(row.user_id)
        roles = [{"coding": [{"system": ROLE, "code": role}]} for role in str(row.detail.get("roles", "")).split()]
        agents.append(
            {
                "type": {"coding": [_coding((_EXTRA_SECURITY_ROLE, "humanuser", "human user"))]},
                **({"role": roles} if roles else {}),
                "who": _who("User", row.user_id, user.fhir_user if user else None),
                "altId": row.user_id,
                **({"name": user.name} if user else {}),
                "requestor": True,
            }
        )
    if row.client_id:
        client = names.clients.get(row.client_id)
        agents.append(
            {
                "type": {"coding": [_coding(_APPLICATION)]},
                "who": _who("Client", row.client_id, None),
                "altId": row.client_id,
                **({"name": client.name} if client else {}),
                "requestor": not row.user_id,
            }
        )
    return agents or [{"who": {"display": "not signed in"}, "requestor": True}]


def _who(what: str, id_: str, reference: str | None) -> dict[str, Any]:
    identified = {"identifier": {"system": _OURS[what], "value": id_}}
    return {"reference": reference, **identified} if reference else identified


def _entities(row: AuditEvent, only_patient: str | None) -> list[dict[str, Any]]:
    patients = [each for each in row.patients if only_patient in (None, each)]
    entities: list[dict[str, Any]] = [
        {
            "what": {"reference": f"Patient/{patient}"},
            "type": _coding((_ENTITY_TYPE, "1", "Person")),
            "role": _coding((_OBJECT_ROLE, "1", "Patient")),
        }
        for patient in patients
    ]
    # What somebody else's resource is called is not this patient's business.
    own_alone = only_patient is None or set(row.patients) <= {only_patient}
    if row.entity and own_alone and (row.entity.removeprefix("Patient/") not in patients):
        entities.append(_about(row.entity))
    if parameters := str(row.detail.get("parameters", "")).split():
        # Their names only: `AuditEvent.entity.query` would hold what was looked for.
        details = [{"type": "parameter", "valueString": name} for name in parameters]
        entities.append({
            "type": _coding((_ENTITY_TYPE, "2", "System Object")),
            "role": _coding((_OBJECT_ROLE, "24", "Query")),
            "detail": details,
        })  # fmt: skip
    others = {name: str(value) for name, value in row.detail.items() if name not in ("roles", "parameters") and value}
    if others:
        entities.append({
            "type": _coding((_ENTITY_TYPE, "4", "Other")),
            "detail": [{"type": name, "valueString": value} for name, value in sorted(others.items())],
        })  # fmt: skip
    return entities


def _about(entity: str) -> dict[str, Any]:
    """`User/…` and its like are ours; other references are to resources; a type alone is what was searched."""
    what, _, id_ = entity.partition("/")
    if what in _OURS:
        identifier = {"identifier": {"system": _OURS[what], "value": id_}}
        return {"what": identifier, "type": _coding((_ENTITY_TYPE, "2", "System Object"))}
    if not _TYPE.fullmatch(what):
        return {"name": entity, "type": _coding((_ENTITY_TYPE, "4", "Other"))}
    resource = {"type": {"system": _RESOURCE_TYPE, "code": what}}
    if not _ID.fullmatch(id_):
        return resource | {"name": entity}
    return {
        "what": {"reference": f"{what}/{id_}"},
        **resource,
        "role": _coding((_OBJECT_ROLE, "4", "Domain Resource")),
    }


_EXTRA_SECURITY_ROLE = "http://terminology.hl7.org/CodeSystem/extra-security-role-type"
_APPLICATION: Coding = ("http://dicom.nema.org/resources/ontology/DCM", "110150", "Application")


def _coding(coding: Coding) -> dict[str, str]:
    system, code, display = coding
    return {"system": system, "code": code, "display": display}
