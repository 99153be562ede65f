"""The pages of emergency access: why it is needed, and its end."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote

import httpx
from starlette.requests import Request

from bedside.gateway.viewing.breaking_glass import BREAKERS
from bedside.gateway.workbench.session import Session

REASONS = {
    "emergency": "Emergency: it cannot wait for somebody who may see it",
    "patient-asked": "The patient asked me to look",
    "other": "Another reason",
}
BODY_BYTES_MAX = 8 * 1024
_KEPT_BYTES_MAX = 1_800
"""What is typed has to fit, sealed, into a cookie."""


@dataclass(frozen=True)
class Typed:
    reason: str = ""
    note: str = ""


@dataclass(frozen=True)
class StepUp:
    """What to ask for at the authorization endpoint."""

    max_age: int
    acr_values: str | None

    @property
    def asked(self) -> dict[str, str]:
        return {"max_age": str(self.max_age)} | ({"acr_values": self.acr_values} if self.acr_values else {})


class AtGateway:
    """The gateway's own API, in the name of who is signed in."""

    def __init__(self, inside: httpx.AsyncClient) -> None:
        self._inside = inside

    async def stands(self, session: Session, role: str, patient: str) -> dict[str, Any] | None:
        """`{"breakGlass", "until", …}`; None for a role without it, and when it cannot be told."""
        if role not in BREAKERS:
            return None
        answer = await self._inside.get(_path(role, patient), headers=_bearer(session))
        told: dict[str, Any] | None = answer.json() if answer.status_code == 200 else None
        return told

    async def patient(self, session: Session, role: str, patient: str) -> httpx.Response:
        """The banner: whose record it is."""
        path = f"/v1/{role}/patients/{quote(patient, safe='')}/banner"
        return await self._inside.get(path, headers=_bearer(session) | {"Cache-Control": "no-cache"})

    async def begin(self, session: Session, role: str, patient: str, typed: Typed) -> httpx.Response:
        asked = {"reason": typed.reason, "note": typed.note}
        return await self._inside.post(_path(role, patient), json=asked, headers=_bearer(session))

    async def end(self, session: Session, role: str, patient: str) -> httpx.Response:
        return await self._inside.post(f"{_path(role, patient)}/end", headers=_bearer(session))


async def typed_in(request: Request) -> Typed:
    """What is not one of the fields, or too long to be one, counts as nothing typed."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            return Typed()
    fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=10)
    reason = fields.get("reason", [""])[0]
    return Typed(reason if reason in REASONS else "", fields.get("note", [""])[0].replace("\r\n", "\n").strip())


def stepping_up(answer: httpx.Response) -> StepUp | None:
    """What is wanted first, where that is why it was refused. https://www.rfc-editor.org/rfc/rfc9470"""
    told = _problem(answer)
    if answer.status_code != 401 or not str(told.get("type", "")).endswith(":insufficient-user-authentication"):
        return None
    return StepUp(int(told["max_age"]), told.get("acr_values"))


def wrong_fields(answer: httpx.Response) -> list[str]:
    """The sentences for what was typed wrong, or the one for what was refused."""
    told = _problem(answer)
    said = {each["pointer"]: each["text"] for each in told.get("errors") or []}
    own = {"/reason": "Choose a reason.", "/note": "Say in ten to 500 characters what it is for."}
    return [own.get(pointer, text) for pointer, text in said.items()] or [str(told.get("title") or "It was refused.")]


def kept(patient: str, typed: Typed) -> dict[str, Any]:
    """For the cookie, while the person shows who they are."""
    fits = len(json.dumps(typed.note)) <= _KEPT_BYTES_MAX
    return {"patient": patient, "reason": typed.reason, "note": typed.note if fits else ""}


def kept_for(patient: str, cookie: dict[str, Any] | None) -> Typed | None:
    if cookie is None or cookie["patient"] != patient:
        return None
    return Typed(cookie["reason"], cookie["note"])


def _path(role: str, patient: str) -> str:
    return f"/v1/{role}/patients/{quote(patient, safe='')}/break-glass"


def _bearer(session: Session) -> dict[str, str]:
    return {"Authorization": f"Bearer {session.access_token}"}


def _problem(answer: httpx.Response) -> dict[str, Any]:
    try:
        told = answer.json()
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
