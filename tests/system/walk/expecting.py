"""What each caller is to get at each route: from what the route declares and the table of roles, never from answers."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bedside.encounters.service import service as encounters
from bedside.identity.roles import permissions
from bedside.patients.service import service as patients
from tests.system.walk.callers import Walker
from tests.system.walk.routes import Walked

ABSENT = "walk-absent"
OWN_TYPES = {"patients": sorted(patients.types), "encounters": sorted(encounters.types)}
# Where a route names no type of its own, one that physicians may do most with stands for all: the letters are walked
# through all types where types are what matters.
EXAMPLE = {"patients": "RelatedPerson", "encounters": "Observation", "gateway": "Observation"}
PARAMETERS = {
    "id": ABSENT,
    "id:fhir_id": ABSENT,
    "version": "1",
    "compartment": "Patient",
    "operation": "no-such-operation",
    "group": ABSENT,
    "job": ABSENT,
    "handle": ABSENT,
    "kid": ABSENT,
    "of_type": "Patient",
    "place": "1",
    "rest:path": f"{ABSENT}/_history",
    "path:path": "workbench.css",
}
_LETTER_AT_GATEWAY = {
    ("GET", False): "s", ("GET", True): "r", ("POST", False): "c", ("PUT", True): "u", ("PATCH", True): "u",
    ("DELETE", True): "d",
}  # fmt: skip
_TYPED = ("{type_name}", "{type_name:fhir_type}")


@dataclass(frozen=True)
class Step:
    """One request of the walk. `letter` and `type_name` where the type in the path decides."""

    route: Walked
    path: str
    type_name: str | None = None
    letter: str | None = None


def steps(route: Walked) -> Iterator[Step]:
    """A KeyError is a parameter that nobody gave an example for: add one, and look at who may."""
    letter = _letter(route)
    typed = route.path.startswith(tuple(f"/fhir/{word}" for word in _TYPED)) or "}/{type_name}" in route.path
    typed = typed and "$export" not in route.path
    for type_name in _types(route) if typed and letter else (EXAMPLE.get(route.service, ""),):
        path = route.path
        for word in _TYPED:
            path = path.replace(word, type_name)
        path = re.sub(r"\{([^}]+)\}", lambda found: _example(found[1]), path)
        yield Step(route, path, type_name if typed else None, letter if typed else None)


def _example(parameter: str) -> str:
    return ABSENT if parameter.endswith("_id") else PARAMETERS[parameter]


def _types(route: Walked) -> list[str]:
    return (
        OWN_TYPES[route.service]
        if route.service in OWN_TYPES
        else sorted(OWN_TYPES["patients"] + OWN_TYPES["encounters"])
    )


def _letter(route: Walked) -> str | None:
    if route.word == "fhir" and route.needs in ("c", "r", "u", "d", "s"):
        return route.needs
    if route.service == "gateway" and route.path.startswith("/fhir/{type_name") and "{rest" not in route.path:
        return _LETTER_AT_GATEWAY.get((route.method, "{id" in route.path))
    return None


def as_expected(step: Step, walker: Walker, status: int) -> bool:
    """Whether that status is one that this caller may get there."""
    judge = _JUDGES.get(step.route.word)
    assert judge is not None, f"nothing is expected of {step.route.access}: say what is, in this file"
    return status < 500 and judge(step, walker, status)


def _public(step: Step, walker: Walker, status: int) -> bool:
    return status != 401


def _client(step: Step, walker: Walker, status: int) -> bool:
    return status == 401


def _token(step: Step, walker: Walker, status: int) -> bool:
    if step.route.needs == "of registration":
        # Each client's own, which nobody here holds; to register another, an administrator's access token will do.
        if "{client_id}" in step.route.path:
            return status == 401
        return _admitted(step, walker, status, walker.holds("clients.manage"))
    return _admitted(step, walker, status, walker.holds(step.route.needs))


def _role(step: Step, walker: Walker, status: int) -> bool:
    return _admitted(step, walker, status, step.route.needs in walker.roles and walker.may("r", "Patient"))


def _permission(step: Step, walker: Walker, status: int) -> bool:
    permitted = step.route.needs in permissions(walker.roles) and walker.may("r", "Patient")
    return _admitted(step, walker, status, permitted)


def _services(step: Step, walker: Walker, status: int) -> bool:
    return _admitted(step, walker, status, walker.holds("system/existence.read"))


def _session(step: Step, walker: Walker, status: int) -> bool:
    """A token opens no page: browsers are sent to sign in, and a form without its proof is refused."""
    return status == 303 if step.route.method == "GET" else status in (303, 403)


def _fhir(step: Step, walker: Walker, status: int) -> bool:
    if step.letter is not None and step.type_name is not None:
        return _admitted(step, walker, status, walker.may(step.letter, step.type_name))
    if step.route.service in walker.strange_at:
        return status == 401
    # What such a request touches is decided entry by entry; who may touch nothing gets nothing.
    return status != 401 and (status >= 300 or _may_anything(walker))


def _may_anything(walker: Walker) -> bool:
    return any(walker.may(letter, type_name) for letter in "crusd" for own in OWN_TYPES.values() for type_name in own)


def _admitted(step: Step, walker: Walker, status: int, permitted: bool) -> bool:
    if step.route.service in walker.strange_at:
        return status == 401
    return status not in (401, 403) if permitted else status == 403


_JUDGES = {
    "public": _public,
    "client": _client,
    "token": _token,
    "role": _role,
    "permission": _permission,
    "services": _services,
    "session": _session,
    "fhir": _fhir,
}
