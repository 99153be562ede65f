"""A client's life as administrators see it: registered, changed, given a new secret, disabled."""

from dataclasses import replace
from typing import Any

import orjson
import pytest
from sqlalchemy import text
from sqlmodel import col, select

from bedside.auth.clients import (
    By,
    ClientMetadata,
    disable_client,
    enable_client,
    end_old_secret,
    register_client,
    rotate_secret,
    update_client,
)
from bedside.auth.refusals import OAuthRefused
from bedside.auth.tables import AuditEvent, Client

FHIR = "http://127.0.0.1:8000/fhir"
ADMIN = By(user_id="u-admin")
PROGRAM = ClientMetadata(
    name="Night job", grant_types=("client_credentials",), scope="system/Patient.rs", audiences=(FHIR,)
)


@pytest.fixture
def registered(authority: Any) -> Any:
    with authority.units.unit() as session:
        return register_client(authority, session, PROGRAM, by=ADMIN, client_id="night-job")


def done(authority: Any, step: Any, client_id: str = "night-job") -> Any:
    with authority.units.unit() as session:
        return step(authority, session, session.get_one(Client, client_id), by=ADMIN)


async def answer(server: Any, secret: str) -> tuple[int, str]:
    form = {"grant_type": "client_credentials", "scope": "system/*.rs"}
    told = await server.post("/token", data=form, auth=("night-job", secret))
    return told.status_code, told.json().get("scope") or told.json()["error"]


def happenings(authority: Any) -> list[tuple[str, str | None, str | None]]:
    with authority.units.reading() as session:
        rows = session.exec(select(AuditEvent).order_by(col(AuditEvent.recorded_at))).all()
    return [(row.action, row.user_id, row.entity) for row in rows if row.action.startswith("client-")]


async def test_a_registered_program_gets_tokens_for_what_it_is_registered_for(server: Any, registered: Any) -> None:
    assert await answer(server, registered.secret) == (200, "system/Patient.rs")
    assert registered.client.secret_hash != registered.secret


async def test_a_new_secret_goes_beside_the_old_one_until_that_is_ended(
    server: Any, authority: Any, registered: Any
) -> None:
    new = done(authority, rotate_secret)
    for secret in (registered.secret, new):
        assert await answer(server, secret) == (200, "system/Patient.rs")
    done(authority, end_old_secret)
    assert await answer(server, registered.secret) == (401, "invalid_client")
    assert await answer(server, new) == (200, "system/Patient.rs")


async def test_the_secret_before_the_last_is_over_when_a_third_is_made(
    server: Any, authority: Any, registered: Any
) -> None:
    done(authority, rotate_secret)
    done(authority, rotate_secret)
    assert await answer(server, registered.secret) == (401, "invalid_client")


async def test_a_disabled_client_is_refused_and_told_to_everybody(server: Any, authority: Any, registered: Any) -> None:
    done(authority, disable_client)
    assert await answer(server, registered.secret) == (401, "invalid_client")
    with authority.units.reading() as session:
        told = [orjson.loads(row[0]) for row in session.connection().execute(text("SELECT body FROM outbox")).all()]
    assert [(fact["type"], fact["subject"], fact["data"]["client_id"]) for fact in told] == [
        ("bedside.client.disabled.v1", "Client/night-job", "night-job")
    ]
    done(authority, enable_client)
    assert await answer(server, registered.secret) == (200, "system/Patient.rs")


async def test_enabling_revives_nothing_that_was_granted(flow: Any, authority: Any, clock: Any) -> None:
    tokens = await flow.tokens()
    code = await flow.code(prompt="login")
    done(authority, disable_client, "app")
    clock.advance(seconds=2)
    done(authority, enable_client, "app")
    assert (await flow.refresh(tokens["refresh_token"])).json()["error_description"] == "the authorization has ended"
    assert (await flow.redeem(code)).json()["error_description"] == "the code was used before"
    assert (await flow.exchange(tokens["access_token"])).json()["error"] == "invalid_grant"
    assert (await flow.tokens(prompt="login"))["access_token"]


async def test_every_step_is_in_the_access_log_with_who_took_it(authority: Any, registered: Any) -> None:
    done(authority, rotate_secret)
    done(authority, end_old_secret)
    with authority.units.unit() as session:
        client = session.get_one(Client, "night-job")
        update_client(authority, session, client, replace(PROGRAM, name="Day job"), by=ADMIN)
    done(authority, disable_client)
    done(authority, enable_client)
    assert happenings(authority) == [
        (action, "u-admin", "Client/night-job")
        for action in (
            "client-registered",
            "client-secret-rotated",
            "client-old-secret-ended",
            "client-updated",
            "client-disabled",
            "client-enabled",
        )
    ]


async def test_an_update_keeps_the_secret_until_the_method_has_none(
    server: Any, authority: Any, registered: Any
) -> None:
    def changed(**metadata: Any) -> Any:
        with authority.units.unit() as session:
            client = session.get_one(Client, "night-job")
            return update_client(authority, session, client, replace(ClientMetadata.of(client), **metadata), by=ADMIN)

    assert changed(scope="system/Encounter.rs").secret is None
    assert await answer(server, registered.secret) == (200, "system/Encounter.rs")
    keys = {"auth_method": "private_key_jwt", "jwks_uri": "https://keys.example.org/jwks"}
    assert changed(**keys).client.secret_hash is None
    again = changed(auth_method="client_secret_basic", jwks_uri=None).secret
    assert again != registered.secret
    assert await answer(server, registered.secret) == (401, "invalid_client")
    assert await answer(server, again) == (200, "system/Encounter.rs")


@pytest.mark.parametrize("step", [rotate_secret, end_old_secret, disable_client, enable_client])
async def test_services_of_the_installation_are_not_touched(authority: Any, step: Any) -> None:
    with pytest.raises(OAuthRefused, match="not registered by hand"):
        done(authority, step, "gateway")


@pytest.mark.parametrize("client_id", ["night-job", "", "-x", "a b", "x" * 65, "é", "../x", "a:b"])
async def test_a_client_id_is_short_plain_and_free(authority: Any, registered: Any, client_id: str) -> None:
    with pytest.raises(OAuthRefused, match=r"client id|of this id"), authority.units.unit() as session:
        register_client(authority, session, PROGRAM, by=ADMIN, client_id=client_id)


async def test_only_clients_with_a_secret_get_a_new_one(authority: Any) -> None:
    with pytest.raises(OAuthRefused, match="has no secret"):
        done(authority, rotate_secret, "app")
