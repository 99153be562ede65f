"""The name of an export: the owners' jobs, sealed for who began them."""

from typing import NamedTuple

from bedside.fhir.outcome import Issue, Refused
from bedside.gateway.federation.sealing import Broken, Seal
from bedside.identity import Caller


class Part(NamedTuple):
    """The job of one owner."""

    service: str
    job: str


class Handles:
    """`key` has 32 bytes; replicas share it."""

    def __init__(self, key: bytes) -> None:
        self._seal = Seal(key)

    def sealed(self, parts: list[Part], caller: Caller) -> str:
        return self._seal.sealed([[*part] for part in parts], _bound_to(caller))

    def opened(self, handle: str, caller: Caller) -> list[Part]:
        """Refused with 404 when there is no such export of this caller's."""
        try:
            return [Part(*each) for each in self._seal.opened(handle, _bound_to(caller))]
        except Broken as problem:
            raise Refused(404, [Issue("not-found", "There is no such export, or no longer.")]) from problem


def _bound_to(caller: Caller) -> list[str]:
    # As owners bind their jobs: a later token of the same caller, narrower or wider, is good too.
    return ["export", caller.subject, caller.client_id]
