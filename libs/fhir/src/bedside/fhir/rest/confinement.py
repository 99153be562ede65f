"""Whose resources a caller may touch: what their scopes permit, as the engine looks things up.

https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html
"""

from functools import lru_cache

from bedside.events.database.port import Reader
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.search.asked import Facility
from bedside.fhir.search.criteria import Criterion
from bedside.fhir.search.purview import EVERYTHING, Letter, Portion, Purview, within_compartment
from bedside.fhir.search.query import criterion
from bedside.fhir.store.current import Version, is_within
from bedside.identity import Caller, Permission, Scopes

_PURVIEWS_MAX = 1024
_JOINING = ("_has", "_list", "_filter", "_query")
_WORDS = {"c": "create", "r": "read", "u": "update", "d": "delete", "s": "search"}


def purview_of(caller: Caller) -> Purview:
    """What the caller may touch. The same object for the same rights, so that it is worked out once."""
    return _purview(caller.scopes, caller.patient)


def refuse_unless(caller: Caller, letter: Letter, type_name: str, at: str | None = None) -> None:
    """Refused with 403 when no scope permits the interaction on anything of the type."""
    if not purview_of(caller).permits(letter, type_name):
        raise Refused(403, [Issue("forbidden", f"no granted scope permits to {_WORDS[letter]} {type_name}", at)])


async def is_hidden(reader: Reader, caller: Caller, type_name: str, version: Version) -> bool:
    """Whether this version must look as if it were not there."""
    return not await is_within(reader, purview_of(caller), "r", type_name, version)


@lru_cache(maxsize=_PURVIEWS_MAX)
def _purview(scopes: Scopes, patient: str | None) -> Purview:
    def judge(letter: Letter, type_name: str) -> tuple[Portion, ...]:
        found = [_portion(each, letter, type_name) for each in scopes.permissions(letter, type_name, patient)]
        portions = tuple(portion for portion in found if portion is not None)
        return EVERYTHING if Portion() in portions else portions

    return Purview(judge)


def _portion(permission: Permission, letter: Letter, type_name: str) -> Portion | None:
    """None when the permission, looked at closely, permits nothing."""
    try:
        criteria = tuple(
            _criterion(type_name, name, ",".join(sorted(values))) for name, values in permission.constraints
        )
    except Refused:
        # What we cannot search by we cannot hold anyone to.
        return None
    if permission.patient is None:
        return Portion(None, criteria)
    return within_compartment(permission.patient, letter, type_name, criteria)


def _criterion(type_name: str, name: str, value: str) -> Criterion:
    """Refused when a resource by itself does not tell whether it meets this."""
    if "." in name or name.startswith(_JOINING):
        raise Refused(403, [Issue("not-supported", "a scope asks of the resource itself")])
    return criterion(type_name, name, value, Facility(), owned=())
