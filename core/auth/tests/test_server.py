"""The server as a whole: discovery, closed routes, tables, facts, and what is kept at rest."""

from typing import Any

import orjson
import pytest
from cryptography.exceptions import InvalidTag
from fastapi import FastAPI
from sqlalchemy import inspect, text
from sqlalchemy.exc import OperationalError
from sqlmodel import SQLModel, select

import bedside.auth.tables
from bedside.auth.app import application
from bedside.auth.endpoints.access import access_of, check_declared
from bedside.auth.keys import Sealing, Signer
from bedside.auth.tables import RefreshToken, SigningKey

ISSUER = "http://127.0.0.1:8003"


async def test_the_discovery_documents_agree(server: Any) -> None:
    documents = [
        (await server.get(f"/.well-known/{name}")).json()
        for name in ("oauth-authorization-server", "openid-configuration", "smart-configuration")
    ]
    for name in ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri", "code_challenge_methods_supported"):
        assert len({orjson.dumps(document[name]) for document in documents}) == 1
    assert documents[0]["issuer"] == ISSUER
    assert documents[0]["code_challenge_methods_supported"] == ["S256"]


async def test_apps_in_browsers_may_read_discovery_and_ask_for_tokens_but_see_no_pages(server: Any) -> None:
    origin = {"Origin": "https://app.example"}
    for path in ("/.well-known/smart-configuration", "/jwks"):
        answer = await server.get(path, headers=origin)
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers
    assert "access-control-allow-origin" not in (await server.get("/end_session", headers=origin)).headers


async def test_the_jwks_holds_no_private_part(server: Any) -> None:
    keys = (await server.get("/jwks")).json()["keys"]
    assert {key["kty"] for key in keys} == {"EC", "RSA"}
    assert not {"d", "p", "q", "dp", "dq", "qi"} & {name for key in keys for name in key}


async def test_every_route_that_is_not_public_refuses_a_stranger(server: Any, authority: Any) -> None:
    app = application(authority)
    # Pages of the console ask strangers to sign in instead; test_console walks them.
    closed = [route for route in app.app.routes if (access_of(route) or "").startswith(("client", "token"))]
    assert len(closed) >= 5
    for route in closed:
        for method in route.methods:
            answer = await server.request(
                method, route.path, **({"data": {"grant_type": "client_credentials"}} if method == "POST" else {})
            )
            assert answer.status_code == 401, f"{method} {route.path}"


def test_a_route_that_does_not_say_who_may_call_it_is_not_started() -> None:
    app = FastAPI(openapi_url=None)
    app.add_api_route("/forgotten", lambda: None)
    with pytest.raises(AssertionError, match="forgotten"):
        check_declared(app)


async def test_the_migration_makes_what_the_tables_say(authority: Any) -> None:
    with authority.units.reading() as session:
        known = inspect(session.connection())
        for table in SQLModel.metadata.sorted_tables:
            there = {column["name"]: column["nullable"] for column in known.get_columns(table.name)}
            said = {column.name: column.nullable for column in table.columns}
            # SQLite calls a text primary key nullable.
            keys = {column.name for column in table.primary_key}
            assert {n: v for n, v in there.items() if n not in keys} == {n: v for n, v in said.items() if n not in keys}
    assert bedside.auth.tables


async def test_private_keys_are_sealed_at_rest(authority: Any, database_url: str) -> None:
    with authority.units.reading() as session:
        rows = session.exec(select(SigningKey)).all()
    assert len(rows) == 2
    assert all(b'"d"' not in row.sealed for row in rows)
    assert all("d" not in row.public for row in rows)
    with pytest.raises(InvalidTag):
        Signer(authority.units, Sealing("another master"), authority.clock).prepare()


async def test_a_restart_signs_with_the_same_keys(authority: Any) -> None:
    again = Signer(authority.units, authority.sealing, authority.clock)
    again.prepare()
    assert again.jwks() == authority.signer.jwks()


async def test_tokens_are_kept_by_their_hash_only(flow: Any, authority: Any) -> None:
    tokens = await flow.tokens()
    with authority.units.reading() as session:
        kept = session.exec(select(RefreshToken.id)).all()
    assert tokens["refresh_token"] not in kept


async def test_a_revocation_is_told_in_its_transaction(flow: Any, server: Any, authority: Any) -> None:
    def told() -> list[Any]:
        with authority.units.reading() as session:
            rows = session.connection().execute(text("SELECT body FROM outbox ORDER BY seq")).all()
        return [orjson.loads(row[0]) for row in rows]

    tokens = await flow.tokens()
    assert told() == []
    await server.post("/revoke", data={"token": tokens["refresh_token"], "client_id": "app"})
    assert [(fact["type"], fact["source"]) for fact in told()] == [("bedside.session.revoked.v1", "/auth")]
    assert "physician" not in orjson.dumps(told()).decode()


async def test_userinfo_tells_what_the_scopes_allow(flow: Any, server: Any) -> None:
    async def told(scope: str) -> Any:
        token = (await flow.tokens(scope=scope, prompt="login"))["access_token"]
        return await server.get("/userinfo", headers={"Authorization": f"Bearer {token}"})

    assert set((await told("openid user/*.rs")).json()) == {"sub"}
    assert (await told("openid profile")).json()["name"] == "The physician"
    assert (await told("user/*.rs")).status_code == 403


async def test_without_a_database_clients_are_told_to_come_back(server: Any, authority: Any, monkeypatch: Any) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise OperationalError("SELECT 1", {}, Exception("gone"))

    monkeypatch.setattr(type(authority.units), "unit", away)
    answer = await server.post("/token", data={"grant_type": "client_credentials"}, auth=("integrator", "x"))
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
