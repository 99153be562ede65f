"""What a kick-off asks, and which owners it concerns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bedside.fhir.bulk.asked import Export, Level, asked
from bedside.fhir.bulk.permitting import is_open, types_named
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.rest.confinement import purview_of
from bedside.fhir.search.asked import Facility
from bedside.fhir.search.spelling import shown
from bedside.gateway.ownership import ENCOUNTERS, PATIENTS, Ownership
from bedside.identity import Caller

Pair = tuple[str, str]
# What is exported first may refer to what is exported after it, and is then found there: what happened to a patient
# is not written before the patient.
_ORDER = (ENCOUNTERS, PATIENTS)


@dataclass(frozen=True)
class KickOff:
    """As the client sent it: `path` is below the FHIR base, `body` empty by GET; `pairs` are the parameters of both."""

    level: Level
    method: str
    path: str
    query: str
    body: bytes = field(repr=False)
    pairs: Sequence[Pair]
    lenient: bool

    @property
    def below_base(self) -> str:
        return f"{self.path}?{self.query}" if self.query else self.path


def concerned(kick_off: KickOff, caller: Caller, ownership: Ownership, base_url: str) -> Mapping[str, Export]:
    """What each owner is to export, in the order in which they are to begin; not empty.

    Refused (400) with everything that cannot be done, and with 403 when nothing of it is permitted.
    """
    named = types_named(kick_off.pairs)
    unknown = sorted(each for each in named if ownership.owner_of(each) is None)
    exports = {service: _asked(kick_off, ownership.types_of(service), base_url) for service in _ORDER}
    if unknown and not kick_off.lenient:
        text = f"Nobody here keeps {', '.join(shown(each) for each in unknown)}."
        raise Refused(400, [Issue("not-supported", text, "_type")])
    purview = purview_of(caller)
    wanted = {service: export for service, export in exports.items() if export.types}
    permitted = {
        service: export
        for service, export in wanted.items()
        # What is named and not permitted is for its owner to refuse.
        if any(each in named or is_open(purview, each) for each in export.types)
    }
    if wanted and not permitted:
        raise Refused(403, [Issue("forbidden", "No granted scope permits to export this.")])
    # Where no type is wanted at all, as of Practitioners at the patient level, a job without files says so.
    return permitted or {PATIENTS: exports[PATIENTS]}


def _asked(kick_off: KickOff, owned: frozenset[str], base_url: str) -> Export:
    return asked(kick_off.level, kick_off.pairs, owned=owned, facility=Facility(base_url), lenient=kick_off.lenient)
