"""Emergency access, which auth keeps: asked for, ended and known in the name of the caller."""

from dataclasses import dataclass
from typing import Any, Protocol

import httpx

from bedside.identity import BrokenGlass, Caller, Exchange, Unreachable
from bedside.service import Clock

TIMEOUT_S = 5.0


@dataclass(eq=False)
class NotBroken(Exception):
    """Auth's own words: `status`, the sentence, and what to ask for at the authorization endpoint to come further."""

    status: int
    sentence: str
    challenge: str | None = None
    max_age: int | None = None
    acr_values: str | None = None


class Emergencies(Protocol):
    """`patient` is a logical id. Raises LoginRefused when the caller's token has ended, Unreachable without auth."""

    async def standing(self, bearer: str, patient: str) -> BrokenGlass | None:
        """The access of this caller that opens this patient now."""
        ...

    async def begin(self, bearer: str, caller: Caller, *, patient: str, reason: str, note: str) -> None:
        """Raises NotBroken. From then on `standing` knows it. Safe to repeat: it begins once."""
        ...

    async def end(self, bearer: str, caller: Caller, *, patient: str) -> None:
        """Safe to repeat, also where none stands."""
        ...


class AuthsEmergencies:
    """At auth. What stands is read off the token that auth exchanged for an owner, so that no read asks twice."""

    def __init__(self, *, exchange: Exchange, http: httpx.AsyncClient, auth: str, owner: str, clock: Clock) -> None:
        """`auth` and `owner` are addresses; `clock` is the real one: grants know no other."""
        self._exchange = exchange
        self._http = http
        self._auth = auth
        self._owner = owner
        self._clock = clock

    async def standing(self, bearer: str, patient: str) -> BrokenGlass | None:
        now = self._clock.now()
        glasses = await self._exchange.glasses(bearer, self._owner)
        return next((glass for glass in glasses if glass.patient == patient and now < glass.until), None)

    async def begin(self, bearer: str, caller: Caller, *, patient: str, reason: str, note: str) -> None:
        asked = {"patient": patient, "reason": reason, "note": note}
        answer = await self._asked("glass", bearer, asked)
        if answer.status_code not in (200, 201):
            raise _refusal(answer)
        # What was exchanged before says nothing of it.
        self._exchange.forget(caller.subject)

    async def end(self, bearer: str, caller: Caller, *, patient: str) -> None:
        # What is kept here may be older than what was begun at another gateway.
        self._exchange.forget(caller.subject)
        glass = await self.standing(bearer, patient)
        if glass is not None:
            answer = await self._asked(f"glass/{glass.id}/end", bearer)
            if answer.status_code not in (200, 404):
                raise _refusal(answer)
        self._exchange.forget(caller.subject)

    async def _asked(self, path: str, bearer: str, asked: dict[str, str] | None = None) -> httpx.Response:
        # The caller's own token goes nowhere, not even here.
        token = await self._exchange.exchange(bearer, self._auth)
        headers = {"Authorization": f"Bearer {token}"}
        try:
            answer = await self._http.post(f"{self._auth}/{path}", json=asked, headers=headers, timeout=TIMEOUT_S)
        except httpx.HTTPError as problem:
            raise Unreachable("the authorization server does not answer") from problem
        if answer.status_code >= 500:
            raise Unreachable(f"the authorization server answered {answer.status_code}")
        return answer


def _refusal(answer: httpx.Response) -> NotBroken:
    try:
        body = answer.json()
    except ValueError:
        body = None
    told: dict[str, Any] = body if isinstance(body, dict) else {}
    return NotBroken(
        answer.status_code,
        str(told.get("detail") or "Emergency access was refused."),
        challenge=answer.headers.get("www-authenticate"),
        max_age=told.get("max_age"),
        acr_values=told.get("acr_values"),
    )
