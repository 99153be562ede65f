"""Where views read: pages of records from their owners, in the caller's name."""

from dataclasses import dataclass
from typing import Any, Protocol, cast
from urllib.parse import urlencode

from bedside.clinical.resources import Patient, Resource
from bedside.gateway.owners import Answer, Owners, Unreachable
from bedside.identity import LoginRefused


class NotAnswered(Exception):
    """`problem`: unreachable, not-permitted, refused or unreadable."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class NoSuchPatient(Exception):
    """Unknown, deleted, or outside what the caller may see: the same answer for all three."""


class TokenEnded(Exception):
    """The caller's token was good at the door and is no longer."""


@dataclass(frozen=True)
class Page:
    """`following` is where the next page is; `unreadable` counts entries that are no resource."""

    records: list[Resource]
    following: str | None = None
    unreadable: int = 0


class Records(Protocol):
    """Raises NotAnswered, TokenEnded and, of `patient`, NoSuchPatient."""

    async def patient(self, id_: str, bearer: str) -> Patient: ...

    async def search(self, type_name: str, query: list[tuple[str, str]], bearer: str) -> Page: ...

    async def page(self, type_name: str, at: str, bearer: str) -> Page:
        """`at` is a `following` of an earlier page."""
        ...


class OwnersRecords:
    """Over the services behind the gateway."""

    def __init__(self, owners: Owners) -> None:
        self._owners = owners

    async def patient(self, id_: str, bearer: str) -> Patient:
        answer = await self._asked("Patient", f"Patient/{id_}", bearer)
        if answer.status in (404, 410):
            raise NoSuchPatient
        return cast("Patient", _checked(answer))

    async def search(self, type_name: str, query: list[tuple[str, str]], bearer: str) -> Page:
        return await self.page(type_name, f"{type_name}?{urlencode(query)}", bearer)

    async def page(self, type_name: str, at: str, bearer: str) -> Page:
        bundle = _checked(await self._asked(type_name, at, bearer))
        records, unreadable = [], 0
        for entry in bundle.get("entry") or []:
            resource = entry.get("resource") if isinstance(entry, dict) else None
            if not isinstance(resource, dict) or "id" not in resource:
                # An OperationOutcome beside the matches is advice, and no record.
                unreadable += not (isinstance(resource, dict) and resource.get("resourceType") == "OperationOutcome")
            elif resource.get("resourceType") == type_name:
                records.append(resource)
        return Page(records, self._following(bundle), unreadable)

    def _following(self, bundle: Resource) -> str | None:
        links = bundle.get("link") or []
        url = next((link.get("url") for link in links if link.get("relation") == "next"), None)
        return self._owners.below_base(url) if url else None

    async def _asked(self, type_name: str, path: str, bearer: str) -> Answer:
        service = self._owners.owner_of(type_name)
        if service is None:
            raise NotAnswered("unreachable")
        try:
            return await self._owners.request(
                service, "GET", path, bearer=bearer, headers=[("Accept", "application/fhir+json")]
            )
        except Unreachable as problem:
            raise NotAnswered("unreachable") from problem
        except LoginRefused as problem:
            if problem.error == "invalid_scope":
                raise NotAnswered("not-permitted") from problem
            raise TokenEnded from problem


def _checked(answer: Answer) -> dict[str, Any]:
    if answer.status == 401:
        raise TokenEnded
    if answer.status == 403:
        raise NotAnswered("not-permitted")
    if not answer.ok:
        raise NotAnswered("refused")
    try:
        body = answer.json()
    except ValueError as problem:
        raise NotAnswered("unreadable") from problem
    if not isinstance(body, dict):
        raise NotAnswered("unreadable")
    return body
