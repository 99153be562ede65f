"""Connections that were kept and are dead by now."""

from typing import Any

import pytest
from sqlalchemy import text

from bedside.auth import database


def cut_all(authority: Any) -> None:
    """As a restart of PostgreSQL does; on SQLite there is nothing to cut."""
    with authority.units.unit() as session:
        if session.get_bind().dialect.name == "postgresql":
            session.connection().execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                    " AND pid <> pg_backend_pid()"
                )
            )


async def token(server: Any) -> int:
    form = {"grant_type": "client_credentials", "scope": "system/*.rs"}
    return int((await server.post("/token", data=form, auth=("integrator", "integrator-secret"))).status_code)


async def test_a_connection_that_died_while_idle_is_replaced_unseen(
    server: Any, authority: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_LIVELY_FOR_S", 0.0)
    with authority.units.unit() as one, authority.units.unit() if _many(one) else one as two:
        one.connection(), two.connection()
    cut_all(authority)
    assert [await token(server) for _ in range(3)] == [200, 200, 200]


async def test_one_that_died_in_use_costs_its_caller_a_second_try_and_nobody_else(server: Any, authority: Any) -> None:
    with authority.units.unit() as one, authority.units.unit() if _many(one) else one as two:
        one.connection(), two.connection()
    cut_all(authority)
    answers = [await token(server) for _ in range(4)]
    assert set(answers) <= {200, 503}
    assert answers[-1] == 200


def _many(session: Any) -> bool:
    """SQLite has one writer at a time."""
    return bool(session.get_bind().dialect.name == "postgresql")
