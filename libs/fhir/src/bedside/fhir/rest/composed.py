"""`X-Composed`: this answer is one owner's part of what the gateway puts together.

The header says at which snapshot to look, by its number, or `now`. Links then hold nothing but tokens that open for the
same parameters: those that clients see are the gateway's own.
"""

import re
from dataclasses import dataclass

from starlette.requests import Request

from bedside.fhir.outcome import Issue, Refused

HEADER = "x-composed"
_SNAPSHOT = re.compile(r"[0-9]{1,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Part:
    """`snapshot` None is now."""

    snapshot: int | None


def part_of(request: Request) -> Part | None:
    """None for an answer that is whole by itself. Refused with 400 when the header is not written like that."""
    said = request.headers.get(HEADER)
    if said is None:
        return None
    if said != "now" and not _SNAPSHOT.fullmatch(said):
        raise Refused(400, [Issue("value", "X-Composed is the number of a snapshot, or now")])
    return Part(None if said == "now" else int(said))
