"""Asking the other owners whether what a resource refers to exists."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import httpx
import orjson

from bedside.fhir.client import TokenProvider, Unreachable

_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Existence:
    """What is known of one resource of another owner. `survivor` is set when a merge retired it.

    `patients` are the ids of those in whose compartments it lies; a Patient's own is not among them.
    """

    exists: bool
    version: int = 0
    survivor: str | None = None
    patients: frozenset[str] = frozenset()


class Unheard(Exception):
    """References to other owners' resources of which nothing is known here: ask, then run the transaction again."""

    def __init__(self, references: Collection[str]) -> None:
        self.references = frozenset(references)
        super().__init__(f"{len(references)} references")


class Peers(Protocol):
    """The other owners."""

    async def existing(self, references: Collection[str]) -> Mapping[str, Existence]:
        """By reference (`Patient/p1`). One nobody owns is left out. Raises Unreachable when an owner is silent."""
        ...

    async def tally(self, reference: str) -> Mapping[str, int]:
        """By type, how many of their resources refer to it. Raises Unreachable when an owner is silent."""
        ...


class HttpPeers:
    """The other owners by their internal addresses, each with the token it accepts."""

    def __init__(self, http: httpx.AsyncClient, owners: Sequence[tuple[str, TokenProvider]]) -> None:
        self._http = http
        self._owners = owners

    async def existing(self, references: Collection[str]) -> Mapping[str, Existence]:
        known: dict[str, Existence] = {}
        for address, token in self._owners:
            missing = sorted(set(references) - known.keys())
            if missing:
                known |= await self._ask(address, token, missing)
        return known

    async def tally(self, reference: str) -> Mapping[str, int]:
        found: Counter[str] = Counter()
        for address, token in self._owners:
            answer = await self._post(f"{address}/internal/tally", token, {"reference": reference})
            found.update(answer["tally"])
        return found

    async def _ask(self, address: str, token: TokenProvider, references: list[str]) -> dict[str, Existence]:
        answer = await self._post(f"{address}/internal/existence", token, {"references": references})
        return {
            reference: Existence(
                exists=known["exists"],
                version=known["version"],
                survivor=known.get("survivor"),
                patients=frozenset(known.get("patients", ())),
            )
            for reference, known in answer["existence"].items()
        }

    async def _post(self, url: str, token: TokenProvider, question: dict[str, Any]) -> Any:
        try:
            response = await self._http.post(
                url,
                content=orjson.dumps(question),
                headers={"authorization": f"Bearer {await token()}", "content-type": "application/json"},
                timeout=_TIMEOUT_S,
            )
        except httpx.HTTPError as error:
            raise Unreachable(f"{url} did not answer") from error
        if response.status_code != 200:
            raise Unreachable(f"{url} answered {response.status_code}")
        return orjson.loads(response.content)
