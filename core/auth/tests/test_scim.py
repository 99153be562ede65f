"""The directory by SCIM, as those who provision it use it. What must not work is in attacks/test_scim_admin.py."""

import re
from typing import Any

import httpx
import pytest

from bedside.auth.authority import Authority
from bedside.auth.directory import Actor, administering, follow_merge, is_news, keep_client
from core.auth.tests.administering import Administering

OURS = "urn:bedside:scim:User"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


@pytest.fixture
async def scim(server: httpx.AsyncClient, authority: Authority) -> httpx.AsyncClient:
    with authority.units.unit() as session:
        keep_client(
            session,
            "provisioner",
            name="The hospital's directory",
            secret="provisioner-secret",
            grant_types=["client_credentials"],
            scope="users.manage",
            audiences=[authority.installation.fhir_base],
        )
    form = {"grant_type": "client_credentials", "scope": "users.manage"}
    answer = await server.post("/token", data=form, auth=("provisioner", "provisioner-secret"))
    server.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    return server


async def _made(scim: httpx.AsyncClient, **content: Any) -> dict[str, Any]:
    answer = await scim.post("/scim/v2/Users", json={"schemas": [USER]} | content)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def _patched(scim: httpx.AsyncClient, user_id: str, *operations: dict[str, Any]) -> dict[str, Any]:
    answer = await scim.patch(f"/scim/v2/Users/{user_id}", json={"schemas": [PATCH], "Operations": operations})
    assert answer.status_code in (200, 204), answer.text
    shown: dict[str, Any] = (await scim.get(f"/scim/v2/Users/{user_id}")).json()
    return shown


async def test_whether_somebody_is_active_is_not_shown_while_it_is_not_told_and_stays_as_it_was(
    scim: httpx.AsyncClient,
) -> None:
    made = await _made(scim, userName="nurse", active=False)
    shown = await _patched(scim, made["id"], {"op": "remove", "path": "active"})
    assert "active" not in shown
    found = await scim.get("/scim/v2/Users", params={"filter": "active eq false"})
    assert [user["userName"] for user in found.json()["Resources"]] == ["nurse"]
    assert (await _patched(scim, made["id"], {"op": "add", "path": "active", "value": True}))["active"] is True


async def test_a_program_that_was_registered_in_the_console_keeps_the_directory(
    server: httpx.AsyncClient, flow: Any
) -> None:
    admin = Administering(flow)
    await admin.open("/admin/clients/new")
    page = await admin.send(
        "/admin/clients/new",
        name="Hospital directory",
        client_id="hospital",
        auth_method="client_secret_basic",
        grant_types="client_credentials",
        scope="users.manage",
    )
    secret = re.search(r'value="([^"]+)" readonly[^>]* data-testid="secret"', page.text)
    assert secret, page.text
    form = {"grant_type": "client_credentials", "scope": "users.manage"}
    answer = await server.post("/token", data=form, auth=("hospital", secret[1]))
    assert answer.status_code == 200, answer.text
    server.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    made = await _made(server, userName="amara.obi", roles=[{"value": "nurse"}])
    assert (await server.get(f"/scim/v2/Users/{made['id']}")).json()["roles"] == [{"value": "nurse"}]


async def test_a_directory_that_knows_nothing_of_a_merge_does_not_undo_it(
    scim: httpx.AsyncClient, authority: Authority
) -> None:
    content = {"schemas": [USER, OURS], "userName": "okafor", OURS: {"fhirUser": "Patient/retired"}}
    made = await _made(scim, **content)
    with administering(authority, Actor.reaction()) as session:
        assert is_news(session, "Patient/retired", 2)
        follow_merge(authority, session, Actor.reaction(), "retired", survivor="survivor")
    for _ in range(2):
        answer = await scim.put(f"/scim/v2/Users/{made['id']}", json=content)
        assert (answer.status_code, answer.json()[OURS]["fhirUser"]) == (200, "Patient/survivor")
