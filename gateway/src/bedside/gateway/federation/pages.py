"""Where a composed search goes on, sealed so that it can travel through the client's hands.

It opens for the caller and the query it was made for, and for nobody else and nothing else.
"""

from collections.abc import Sequence
from typing import Any

from bedside.fhir.outcome import Issue, Refused
from bedside.gateway.federation.sealing import Broken, Seal
from bedside.identity import Caller


class Pages:
    """`key` has 32 bytes; replicas share it."""

    def __init__(self, key: bytes) -> None:
        self._seal = Seal(key)

    def sealed(self, position: Any, path: str, pairs: Sequence[tuple[str, str]], caller: Caller) -> str:
        """For the `_page` parameter. `position` is JSON: the owners' own tokens, and the snapshots at which their parts
        were searched. `pairs` are the query's, in any order, without `_page`."""
        return self._seal.sealed(position, _bound_to(path, pairs, caller))

    def opened(self, token: str, path: str, pairs: Sequence[tuple[str, str]], caller: Caller) -> Any:
        """Refused when it is not this query's, or not this caller's."""
        try:
            return self._seal.opened(token, _bound_to(path, pairs, caller))
        except Broken as problem:
            text = "Parameter _page is not a page of this search for this caller; begin again without it."
            raise Refused(400, [Issue("value", text)]) from problem


def _bound_to(path: str, pairs: Sequence[tuple[str, str]], caller: Caller) -> list[Any]:
    who = (caller.subject, caller.client_id, caller.patient or "", sorted(caller.roles))
    return [path, sorted(pairs), who]
