"""Views over records in memory, for tests: a bundle goes in, `/v1` answers."""

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

import httpx

from bedside.clinical.resources import Patient, Resource
from bedside.gateway.emergencies import NotBroken
from bedside.gateway.ownership import PROMISED
from bedside.gateway.viewing.app import views_app
from bedside.gateway.viewing.records import NoSuchPatient, NotAnswered, Page
from bedside.gateway.views import VIEWS
from bedside.identity import BrokenGlass, Caller, Unreachable
from bedside.identity.testing import TestIssuer

EXAMPLES_NOW = datetime.fromisoformat("2026-06-15T10:00:00+01:00")
LONDON = ZoneInfo("Europe/London")


class FixedClock:
    def __init__(self, now: datetime = EXAMPLES_NOW) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now


class RecordsInMemory:
    """`down` names services, `broken` types whose second page fails; `delays_s` slows types; `asked` counts calls."""

    def __init__(self, records: Iterable[Resource], page_size: int = 500) -> None:
        self.records = list(records)
        self.page_size = page_size
        self.down: set[str] = set()
        self.broken: set[str] = set()
        self.delays_s: dict[str, float] = {}
        self.asked: list[str] = []

    async def patient(self, id_: str, bearer: str) -> Patient:
        await self._answers("Patient")
        found = (record for record in self.records if (record["resourceType"], record["id"]) == ("Patient", id_))
        patient = next(found, None)
        if patient is None:
            raise NoSuchPatient
        return cast("Patient", patient)

    async def search(self, type_name: str, query: list[tuple[str, str]], bearer: str) -> Page:
        await self._answers(type_name)
        return self._page(self._matching(type_name, dict(query)), 0)

    async def page(self, type_name: str, at: str, bearer: str) -> Page:
        await self._answers(type_name)
        if type_name in self.broken:
            raise NotAnswered("refused")
        start, _, patient = at.partition("|")
        return self._page(self._matching(type_name, {"patient": patient}), int(start), patient)

    async def _answers(self, type_name: str) -> None:
        self.asked.append(type_name)
        await asyncio.sleep(self.delays_s.get(type_name, 0))
        if any(type_name in PROMISED[service] for service in self.down):
            raise NotAnswered("unreachable")

    def _matching(self, type_name: str, query: dict[str, str]) -> list[Resource]:
        kind = [record for record in self.records if record["resourceType"] == type_name]
        if "_id" in query:
            return [record for record in kind if record["id"] in query["_id"].split(",")]
        if "identifier" in query:
            return [record for record in kind if _has_number(record, query["identifier"])]
        return [record for record in kind if _is_about(record, query.get("patient", ""))]

    def _page(self, matching: list[Resource], start: int, patient: str = "Patient/p1") -> Page:
        until = start + self.page_size
        return Page(matching[start:until], f"{until}|{patient}" if until < len(matching) else None)


class EmergenciesInMemory:
    """`refused` is what auth says to whoever asks; `silent`: auth does not answer."""

    def __init__(self) -> None:
        self.standing_for: dict[str, BrokenGlass] = {}
        self.begun: list[tuple[str, str, str]] = []
        self.refused: NotBroken | None = None
        self.silent = False

    async def standing(self, bearer: str, patient: str) -> BrokenGlass | None:
        if self.silent:
            raise Unreachable("silent")
        return self.standing_for.get(patient)

    async def begin(self, bearer: str, caller: Caller, *, patient: str, reason: str, note: str) -> None:
        if self.refused is not None:
            raise self.refused
        self.begun.append((patient, reason, note))
        self.standing_for.setdefault(patient, BrokenGlass("g1", patient, EXAMPLES_NOW + timedelta(minutes=30)))

    async def end(self, bearer: str, caller: Caller, *, patient: str) -> None:
        self.standing_for.pop(patient, None)


class ViewsInMemory:
    """`http` is a client below `/v1`; `get` sends a token with a role."""

    def __init__(self, records: RecordsInMemory, now: datetime = EXAMPLES_NOW) -> None:
        self.issuer = TestIssuer()
        self.emergencies = EmergenciesInMemory()
        app = views_app(
            VIEWS,
            records=records,
            emergencies=self.emergencies,
            verifier=self.issuer.verifier(),
            clock=FixedClock(now),
            zone=LONDON,
        )
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway")

    async def get(
        self, path: str, *, role: str | None = None, scope: str = "user/*.cruds", **headers: str
    ) -> httpx.Response:
        """`path` begins with the role asked for; the caller holds it, unless `role` names another."""
        sent = self._bearer(path, role, scope) | {name.replace("_", "-"): told for name, told in headers.items()}
        return await self.http.get(path, headers=sent)

    async def post(
        self, path: str, body: Any = None, *, role: str | None = None, scope: str = "user/*.cruds"
    ) -> httpx.Response:
        """As `get`. `body` is sent as JSON; bytes as they are."""
        headers = self._bearer(path, role, scope)
        if isinstance(body, bytes):
            return await self.http.post(path, content=body, headers=headers)
        return await self.http.post(path, json=body, headers=headers)

    def _bearer(self, path: str, role: str | None, scope: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.issuer.token(scope, roles=[role or path.split('/')[1]])}"}


def _is_about(record: Resource, reference: str) -> bool:
    actors = [participant.get("actor") for participant in record.get("participant") or []]
    subjects: list[Any] = [record.get(name) for name in ("patient", "subject", "beneficiary")] + actors
    return any(isinstance(subject, dict) and subject.get("reference") == reference for subject in subjects)


def _has_number(record: Resource, number: str) -> bool:
    return any(identifier.get("value") == number for identifier in record.get("identifier") or [])
