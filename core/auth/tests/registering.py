"""Asking `/register`, and what it answers."""

from typing import Any

CALLBACK = "https://app.example.org/callback"
APP = {"client_name": "Growth charts", "redirect_uris": [CALLBACK], "scope": "openid launch/patient patient/*.rs"}
PROGRAM = {"client_name": "Night job", "grant_types": ["client_credentials"], "scope": "system/Patient.rs"}


async def register(server: Any, token: str | None, document: Any = APP, **changed: Any) -> Any:
    body = {name: value for name, value in (document | changed).items() if value is not None}
    return await server.post("/register", json=body, headers=bearer(token))


def bearer(token: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token is not None else {}


def refusal(answer: Any) -> tuple[int, str, str]:
    return answer.status_code, answer.json()["error"], answer.json().get("error_description", "")
