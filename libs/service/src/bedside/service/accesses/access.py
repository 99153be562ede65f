"""One access as a line of JSON: who asked for what, about whom, and how that ended. Ids, names and codes only."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime
from urllib.parse import parse_qsl

import orjson

from bedside.events.envelope import new_event_id
from bedside.identity import Caller

PARAMETERS_MAX = 50
_PARAMETER = re.compile(r"[A-Za-z_][A-Za-z0-9_\-]{0,63}")
# What stands before a colon or a dot is a parameter's own name; what follows may be a modifier, a type or a chain.
_WORD = re.compile(r"[^:.]*")
_TYPE = re.compile(r"[A-Z][A-Za-z]{0,63}")
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_OPERATION = re.compile(r"\$[a-z][a-z\-]{0,40}")
_VIEW = re.compile(r"/v1/([a-z\-]{1,40})/(?:(patients|wards|encounters)/([^/]{1,64})/)?([a-z\-]{1,60})")
_WRITES = {"PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass(frozen=True)
class Asked:
    """What a request was, told from its method and path. None of its words are the caller's but types and ids."""

    action: str
    entity: str | None = None
    patient: str | None = None
    parameters: tuple[str, ...] = ()
    detail: dict[str, str] = field(default_factory=dict)

    @property
    def writes(self) -> bool:
        return self.action in ("create", "update", "patch", "batch", "transaction")


def asked(method: str, path: str, query: bytes) -> Asked | None:
    """None of what concerns no patient: the base's own descriptions, the pages of the workbench."""
    if path.startswith("/fhir"):
        return _interaction("GET" if method == "HEAD" else method, path.removeprefix("/fhir").strip("/"), query)
    if view := _VIEW.fullmatch(path):
        role, kind, id_, name = view.groups()
        entity = f"{kind.removesuffix('s').capitalize()}/{id_}" if kind and _ID.fullmatch(id_) else None
        patient = id_ if kind == "patients" and entity else None
        return Asked("view", entity, patient, detail={"view": f"{role}/{name}"})
    return None


def _interaction(method: str, below: str, query: bytes) -> Asked | None:
    parts = below.split("/") if below else []
    if parts and parts[0] in ("metadata", ".well-known"):
        return None
    names = parameter_names(query)
    if operation := next((part for part in parts if part.startswith("$")), None):
        action = "export" if "export" in operation else "operation"
        about = _about(parts)
        named = operation if _OPERATION.fullmatch(operation) else "$…"
        return Asked(action, about, _patient(parts), names, {"operation": named})
    if not parts:
        return Asked("batch" if method == "POST" else "search-system", None, None, names)
    if parts[-1] == "_history" or (len(parts) == 4 and parts[2] == "_history"):
        action = "vread" if len(parts) == 4 else ("history-instance" if len(parts) == 3 else "history-type")
        return Asked(action, _about(parts), _patient(parts), names)
    searched = parts[:-1] if parts[-1] == "_search" else parts
    if len(searched) in (1, 3) and (method == "GET" or parts[-1] == "_search"):
        return Asked("search-type", _about(searched[-1:]), _patient(parts), names)
    if method == "POST":
        return Asked("create", _about(parts), None, names)
    return Asked(_WRITES.get(method, "read"), _about(parts), _patient(parts), names)


def _about(parts: list[str]) -> str | None:
    if not parts or not _TYPE.fullmatch(parts[0]):
        return None
    return f"{parts[0]}/{parts[1]}" if len(parts) > 1 and _ID.fullmatch(parts[1]) else parts[0]


def _patient(parts: list[str]) -> str | None:
    return parts[1] if len(parts) > 1 and parts[0] == "Patient" and _ID.fullmatch(parts[1]) else None


def parameter_names(query: bytes) -> tuple[str, ...]:
    """Sorted, each once; never a value. What is not a plain word could be one, and is told as `…`."""
    try:
        pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=500)
    except ValueError:
        return ("…",)
    words = (_WORD.match(name) for name, _ in pairs)
    names = {word[0] if word and _PARAMETER.fullmatch(word[0]) else "…" for word in words}
    return tuple(sorted(names)[:PARAMETERS_MAX])


@dataclass(frozen=True)
class Ended:
    """How a request ended. `part` counts the lines of one answer; most have one. `refused` is why no caller was known,
    and `untold` how many such requests before this one were too many to tell.
    """

    status: int
    trace: str
    part: int = 1
    refused: str | None = None
    untold: int = 0


def line(
    asked_: Asked, caller: Caller | None, ended: Ended, *, source: str, patients: Collection[str], now: datetime
) -> bytes:
    """Ends with a line feed."""
    about = asked_ if _is_somebodys(asked_, caller, ended.status) else _without_ids(asked_)
    told = {
        "id": new_event_id(now),
        "at": now,
        "source": source,
        "action": about.action,
        "outcome": "success" if ended.status < 400 else ("refused" if ended.status < 500 else "failed"),
        "subject": caller.subject if caller else None,
        "client": caller.client_id if caller else None,
        "purpose": caller.purpose if caller else None,
        "entity": about.entity,
        "patients": sorted(patients if about is asked_ else ()),
        "detail": _detail(about, caller, ended),
    }
    return orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE)


def _is_somebodys(asked_: Asked, caller: Caller | None, status: int) -> bool:
    """What is not there is nobody's, and what was typed where an id belongs may be a name or a number of somebody.

    Who is confined to a patient gets 404 for other patients too: what they tried is told.
    """
    if caller is None or status == 400:
        return False
    return status != 404 or caller.patient is not None


def _without_ids(asked_: Asked) -> Asked:
    return replace(asked_, entity=asked_.entity.partition("/")[0] if asked_.entity else None, patient=None)


def _detail(asked_: Asked, caller: Caller | None, ended: Ended) -> dict[str, str]:
    # What was refused may have had words of the caller's own where names belong; what was understood had none.
    understood = ended.status < 400
    detail = dict(asked_.detail) if understood or "view" in asked_.detail else {}
    told = {
        "roles": " ".join(sorted(caller.roles)) if caller else "",
        "act": " ".join(caller.act) if caller else "",
        "parameters": " ".join(asked_.parameters) if understood else "",
        "reason": ended.refused or "",
        "part": str(ended.part) if ended.part > 1 else "",
        "untold": str(ended.untold) if ended.untold else "",
    }
    detail |= {name: value for name, value in told.items() if value}
    return detail | {"status": str(ended.status), "trace": ended.trace}
