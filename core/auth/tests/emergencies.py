"""What tests of emergency access do: break the glass, end it, and see what came of it."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt as pyjwt
import orjson
import pytest
from sqlalchemy import text
from sqlmodel import select

from bedside.auth.tables import AuditEvent

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""For what no database decides."""
ASKED = {"patient": "p1", "reason": "emergency", "note": "Found unconscious in the car park"}
PASSWORD = "correct horse battery staple"
STAFF = "openid fhirUser online_access user/*.rs"


async def broken(server: Any, bearer: str, **changed: Any) -> Any:
    return await server.post("/glass", json=ASKED | changed, headers={"Authorization": f"Bearer {bearer}"})


async def ended(server: Any, bearer: str, glass_id: str) -> Any:
    return await server.post(f"/glass/{glass_id}/end", headers={"Authorization": f"Bearer {bearer}"})


def claims(token: str) -> dict[str, Any]:
    """Signatures are other tests' concern."""
    read: dict[str, Any] = pyjwt.decode(token, options={"verify_signature": False})
    return read


async def exchanged(flow: Any, bearer: str) -> dict[str, Any]:
    answer = await flow.exchange(bearer)
    assert answer.status_code == 200, answer.text
    return claims(answer.json()["access_token"])


def audited(authority: Any, action: str) -> list[tuple[str, list[str], str | None, Mapping[str, Any]]]:
    with authority.units.reading() as session:
        rows = session.exec(select(AuditEvent).where(AuditEvent.action == action).order_by(AuditEvent.id)).all()
    return [(row.outcome, row.patients, row.purpose, row.detail) for row in rows]


def told(authority: Any, family: str = "break-glass") -> list[tuple[str, dict[str, Any]]]:
    """The facts of a family, oldest first."""
    with authority.units.reading() as session:
        bodies = session.connection().execute(text("SELECT body FROM outbox ORDER BY seq")).scalars().all()
    events = [orjson.loads(bytes(body)) for body in bodies]
    named = [(event["type"].removeprefix("bedside."), event["data"]) for event in events]
    return [(name, data) for name, data in named if name.startswith(family)]


async def signed_in(flow: Any, username: str = "physician", *, scope: str = STAFF, **changed: str) -> dict[str, Any]:
    """By the session that the browser has, if it is good for what is asked."""
    answer = await flow.authorize(scope=scope, **changed)
    if "code=" not in answer.headers["location"]:
        page = await flow.browser.get(answer.headers["location"])
        answer = await flow.submit(page, username=username, password=PASSWORD)
    code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
    granted: dict[str, Any] = (await flow.redeem(code, client_id=changed.get("client_id", "app"))).json()
    return granted
