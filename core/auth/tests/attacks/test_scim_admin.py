"""Attacks 63 to 70 of the acceptance list: administration, by SCIM. Each is followed by what is permitted."""

import asyncio
from typing import Any

import httpx
import pytest
from sqlmodel import select

from bedside.auth import directory
from bedside.auth.authority import Authority
from bedside.auth.tables import GrantFamily, Revocation, User
from bedside.auth.tables import Session as BrowserSession
from core.auth.tests.provisioning import PATCH, USER, Scim, refusal

GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
FHIR = "http://127.0.0.1:8000/fhir"
SCOPE = "openid profile users.manage online_access"


@pytest.fixture
def administration(authority: Authority) -> str:
    with authority.units.unit() as session:
        directory.keep_client(
            session,
            "administration",
            name="Administration",
            grant_types=["authorization_code", "refresh_token"],
            scope=SCOPE,
            audiences=[FHIR],
            redirect_uris=["http://127.0.0.1:8000/callback"],
            first_party=True,
        )
        directory.keep_client(
            session,
            "provisioner",
            name="Provisioner",
            secret="provisioner-secret",
            grant_types=["client_credentials"],
            scope="users.manage",
            audiences=[FHIR],
        )
    return "administration"


@pytest.fixture
async def admin(server: httpx.AsyncClient, flow: Any, administration: str) -> Scim:
    """The administrator, signed in to an app."""
    return await _signed_in(server, flow, "admin", administration)


async def _signed_in(server: httpx.AsyncClient, flow: Any, username: str, client_id: str) -> Scim:
    code = await flow.code(username, client_id=client_id, scope=SCOPE)
    answer = await flow.redeem(code, client_id=client_id)
    assert answer.status_code == 200, answer.text
    server.cookies.clear()
    return Scim(server, answer.json()["access_token"])


@pytest.fixture
async def provisioner(server: httpx.AsyncClient, administration: str) -> Scim:
    form = {"grant_type": "client_credentials", "scope": "users.manage"}
    answer = await server.post("/token", data=form, auth=("provisioner", "provisioner-secret"))
    return Scim(server, answer.json()["access_token"])


def user_of(authority: Authority, username: str) -> User:
    with authority.units.reading() as session:
        found = directory.user_named(session, username)
    assert found is not None, username
    return found


def roles_of(authority: Authority, username: str) -> list[str]:
    with authority.units.reading() as session:
        return directory.roles_of(session, user_of(authority, username), now=authority.clock.now())


_HARMLESS = (
    "userName eq \"x' OR '1'='1\"",
    'userName eq "x\\" or userName pr or userName eq \\""',
    'userName co "%"',
    'userName sw "_"',
    'userName ew "\\\\"',
    'displayName co "%admin%"',
    'userName eq "admin\'; DROP TABLE \\"user\\"; --"',
    'externalId eq "%"',
    'roles.value eq "%"',
    'urn:bedside:scim:User:fhirUser sw "%"',
)
_UNANSWERABLE = (
    'password sw "$argon2"',
    "passwordHash pr",
    'userName eq "x" OR 1=1',
    'userName eq "x"); DELETE FROM user; --',
    'title eq "x"',
    "userName gt true",
    'active eq "true"',
    'id eq "\\u0000"',
    'userName eq "\\ud800"',
    'roles.value eq "\\u0000"',
    "active gt true",
    'meta.created gt "yesterday"',
    'roles.value co "a"',
    "not (" * 200 + 'userName eq "x"' + ")" * 200,
    " or ".join(['userName eq "x"'] * 1_000),
    "not " * 10 + '(userName eq "x")',
    "",
)
_UNSORTABLE = ("password", "userName; DROP TABLE user", "title", 'emails[type eq "x"]')
_FOUND = (
    ('userName eq "ADMIN"', ["admin"]),
    ('userName sw "p"', ["patient", "physician"]),
    ('not (userName sw "p")', ["admin", "frontdesk"]),
    ('roles.value eq "admin" or userName co "desk"', ["admin", "frontdesk"]),
    ('active eq true and urn:bedside:scim:User:fhirUser eq "Patient/p1"', ["patient"]),
    ("externalId pr", []),
    ('not (externalId eq "x")', ["admin", "frontdesk", "patient", "physician"]),
    ('meta.created gt "2020-01-01T00:00:00Z"', ["admin", "frontdesk", "patient", "physician"]),
    ('displayName eq "the ADMIN"', ["admin"]),
)


async def test_attack_63_what_is_typed_into_a_filter_finds_only_itself(provisioner: Scim) -> None:
    assert {expression: await provisioner.found(expression) for expression in _HARMLESS} == {
        key: [] for key in _HARMLESS
    }


async def test_attack_63_what_cannot_be_asked_is_refused(provisioner: Scim) -> None:
    for expression in _UNANSWERABLE:
        answer = await provisioner.ask("GET", "/Users", params={"filter": expression})
        assert refusal(answer)[:2] == (400, "invalidFilter"), expression


async def test_attack_63_no_sorting_by_what_is_not_ours_to_sort(provisioner: Scim) -> None:
    for sort_by in _UNSORTABLE:
        answer = await provisioner.ask("GET", "/Users", params={"sortBy": sort_by})
        assert answer.status_code == 400, (sort_by, answer.text)


async def test_attack_63_twin_a_filter_finds_what_it_says(provisioner: Scim) -> None:
    found = {expression: sorted(await provisioner.found(expression)) for expression, _ in _FOUND}
    assert found == dict(_FOUND)


async def test_attack_63_twin_percent_and_underscore_find_themselves(provisioner: Scim) -> None:
    await provisioner.create("100%_sure")
    assert await provisioner.found('userName co "%_"') == ["100%_sure"]


async def test_attack_64_a_patch_of_which_one_part_is_refused_applies_nothing(
    authority: Authority, admin: Scim
) -> None:
    me = user_of(authority, "admin")
    answer = await admin.patch(
        me.id,
        {"op": "replace", "path": "displayName", "value": "Changed"},
        {"op": "replace", "path": "password", "value": "another long password"},
        {"op": "add", "path": "roles", "value": [{"value": "physician"}]},
    )
    assert refusal(answer) == (
        403,
        None,
        "self-promotion: Nobody can give rights to themselves: ask another administrator.",
    )
    after = user_of(authority, "admin")
    assert (after.name, after.password_hash, after.version) == (me.name, me.password_hash, me.version)
    assert roles_of(authority, "admin") == ["admin"]


@pytest.mark.parametrize(
    ("operations", "scim_type"),
    [
        (
            [{"op": "replace", "path": "displayName", "value": "X"}, {"op": "replace", "path": "id", "value": "1"}],
            "mutability",
        ),
        (
            [
                {"op": "replace", "path": "displayName", "value": "X"},
                {"op": "add", "path": "roles", "value": [{"value": "root"}]},
            ],
            "invalidValue",
        ),
        (
            [
                {"op": "replace", "path": "displayName", "value": "X"},
                {"op": "replace", "path": "nonsense", "value": "1"},
            ],
            "invalidPath",
        ),
        (
            [
                {"op": "replace", "path": "displayName", "value": "X"},
                {"op": "replace", "path": "userName", "value": "admin"},
            ],
            "uniqueness",
        ),
        (
            [
                {"op": "replace", "path": "displayName", "value": "X"},
                {"op": "replace", "path": "urn:bedside:scim:User:fhirUser", "value": "../x"},
            ],
            "invalidValue",
        ),
    ],
)
async def test_attack_64_a_patch_that_makes_no_sense_applies_nothing(
    authority: Authority, provisioner: Scim, operations: list[dict[str, Any]], scim_type: str
) -> None:
    before = user_of(authority, "frontdesk")
    answer = await provisioner.patch(before.id, *operations)
    assert answer.status_code in (400, 409), answer.text
    assert answer.json().get("scimType") == scim_type
    assert user_of(authority, "frontdesk") == before


async def test_attack_64_twin_the_same_patch_of_another_person_is_applied_whole(
    authority: Authority, admin: Scim
) -> None:
    other = user_of(authority, "frontdesk")
    answer = await admin.patch(
        other.id,
        {"op": "replace", "path": "displayName", "value": "Changed"},
        {"op": "add", "path": "roles", "value": [{"value": "physician"}]},
    )
    assert answer.status_code == 204, answer.text
    assert user_of(authority, "frontdesk").name == "Changed"
    assert roles_of(authority, "frontdesk") == ["frontdesk", "physician"]


async def test_attack_64_without_the_right_nothing_can_be_written(
    authority: Authority, server: httpx.AsyncClient, flow: Any, administration: str
) -> None:
    nurse = await _signed_in(server, flow, "frontdesk", administration)
    me = user_of(authority, "frontdesk")
    answers = [
        await nurse.patch(me.id, {"op": "replace", "path": "displayName", "value": "Boss"}),
        await nurse.ask("POST", "/Users", json={"schemas": [USER], "userName": "friend"}),
        await nurse.ask("GET", "/Users"),
        await nurse.ask(
            "POST", "/Users/.search", json={"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]}
        ),
        await nurse.ask("DELETE", f"/Users/{me.id}"),
        await nurse.ask("DELETE", "/Me"),
        await nurse.ask("GET", "/Groups"),
    ]
    assert [refusal(answer)[0] for answer in answers] == [403] * 7
    assert user_of(authority, "frontdesk") == me


async def test_attack_64_without_a_token_nobody_is_told_anything(server: httpx.AsyncClient) -> None:
    for path in ("", "/Users", "/Me", "/Schemas", "/Bulk", "/nonsense", "/Groups/x/y", "/%2e%2e/Users"):
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            answer = await server.request(method, f"/scim/v2{path}")
            assert refusal(answer)[0] == 401, (method, path)
            assert answer.headers["www-authenticate"].startswith("Bearer")
    assert (await server.get("/scim/v2/ServiceProviderConfig")).status_code == 200


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "add", "path": "roles", "value": [{"value": "physician"}]},
        {"op": "replace", "path": "roles", "value": [{"value": "admin"}, {"value": "nurse"}]},
        {"op": "replace", "path": "urn:bedside:scim:User:fhirUser", "value": "Patient/p1"},
        {"op": "add", "value": {"roles": [{"value": "physician"}]}},
    ],
)
async def test_attack_65_nobody_promotes_themselves(
    authority: Authority, admin: Scim, operation: dict[str, Any]
) -> None:
    answer = await admin.patch(user_of(authority, "admin").id, operation)
    assert refusal(answer)[2].startswith("self-promotion:")
    assert roles_of(authority, "admin") == ["admin"]


async def test_attack_65_nor_by_me_or_bulk(authority: Authority, admin: Scim) -> None:
    me = user_of(authority, "admin")
    operation = {"op": "add", "path": "roles", "value": [{"value": "physician"}]}
    data = {"schemas": [PATCH], "Operations": [operation]}
    by_me = await admin.ask("PATCH", "/Me", json=data)
    assert refusal(by_me)[2].startswith("self-promotion:")
    bulk = {"schemas": [BULK], "Operations": [{"method": "PATCH", "path": f"/Users/{me.id}", "data": data}]}
    by_bulk = await admin.ask("POST", "/Bulk", json=bulk)
    assert [one["status"] for one in by_bulk.json()["Operations"]] == ["403"]
    assert roles_of(authority, "admin") == ["admin"]


@pytest.mark.parametrize("operation", ["delete", "deactivate", "roles", "put"])
async def test_attack_66_the_last_administrator_stays(authority: Authority, provisioner: Scim, operation: str) -> None:
    path = f"/Users/{user_of(authority, 'admin').id}"
    answer = await _without_administrator(provisioner, path, operation)
    assert refusal(answer)[2].startswith("last-administrator:")
    assert user_of(authority, "admin").active
    assert roles_of(authority, "admin") == ["admin"]


@pytest.mark.parametrize("operation", ["delete", "deactivate", "roles", "put"])
async def test_attack_66_twin_one_of_two_may_go(authority: Authority, provisioner: Scim, operation: str) -> None:
    await provisioner.create("second", roles=[{"value": "admin"}])
    path = f"/Users/{user_of(authority, 'admin').id}"
    answer = await _without_administrator(provisioner, path, operation)
    assert answer.status_code in (200, 204), answer.text


async def _without_administrator(scim: Scim, path: str, operation: str) -> httpx.Response:
    changes = {
        "deactivate": {"op": "replace", "path": "active", "value": False},
        "roles": {"op": "remove", "path": "roles"},
    }
    if operation == "delete":
        return await scim.ask("DELETE", path)
    if operation == "put":
        return await scim.ask("PUT", path, json={"schemas": [USER], "userName": "admin"})
    return await scim.ask("PATCH", path, json={"schemas": [PATCH], "Operations": [changes[operation]]})


async def test_attack_66_two_at_once_leave_one(authority: Authority, provisioner: Scim) -> None:
    second = await provisioner.create("second", roles=[{"value": "admin"}])
    answers = await asyncio.gather(
        provisioner.ask("DELETE", f"/Users/{second['id']}"),
        provisioner.ask("DELETE", f"/Users/{user_of(authority, 'admin').id}"),
    )
    assert sorted(answer.status_code for answer in answers) == [204, 403]


async def test_attack_67_who_is_deactivated_is_dead_and_reactivation_revives_nothing(
    authority: Authority, server: httpx.AsyncClient, flow: Any, provisioner: Scim
) -> None:
    tokens = await flow.tokens("physician", scope="openid online_access user/*.rs")
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert (await server.get("/userinfo", headers=bearer)).status_code == 200
    path = user_of(authority, "physician").id
    answer = await provisioner.patch(path, {"op": "replace", "path": "active", "value": False})
    assert answer.status_code == 204, answer.text

    for _ in range(2):
        assert (await server.get("/userinfo", headers=bearer)).status_code == 401
        refreshed = await flow.refresh(tokens["refresh_token"])
        assert (refreshed.status_code, refreshed.json()["error"]) == (400, "invalid_grant")
        await provisioner.patch(path, {"op": "replace", "path": "active", "value": True})
    with authority.units.reading() as session:
        assert all(row.ended_at for row in session.exec(select(GrantFamily)))
        assert all(row.ended_at for row in session.exec(select(BrowserSession)))
        assert [row.value for row in session.exec(select(Revocation).where(Revocation.kind == "user"))] == [path]


async def test_attack_67_twin_who_is_not_deactivated_goes_on(
    authority: Authority, server: httpx.AsyncClient, flow: Any, provisioner: Scim
) -> None:
    tokens = await flow.tokens("physician", scope="openid online_access user/*.rs")
    path = user_of(authority, "physician").id
    for operation in (
        {"op": "replace", "path": "active", "value": True},
        {"op": "replace", "path": "displayName", "value": "Dr Renamed"},
    ):
        assert (await provisioner.patch(path, operation)).status_code == 204
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert (await server.get("/userinfo", headers=bearer)).status_code == 200
    assert (await flow.refresh(tokens["refresh_token"])).status_code == 200


async def test_attack_67_twin_who_is_reactivated_signs_in_anew(
    authority: Authority, flow: Any, provisioner: Scim, clock: Any
) -> None:
    path = user_of(authority, "physician").id
    await provisioner.patch(path, {"op": "replace", "path": "active", "value": False})
    await provisioner.patch(path, {"op": "replace", "path": "active", "value": True})
    clock.advance(seconds=1)
    assert "access_token" in await flow.tokens("physician")


async def test_attack_68_more_operations_than_permitted_are_refused_and_none_is_done(provisioner: Scim) -> None:
    def bulk(count: int) -> dict[str, Any]:
        data = {"schemas": [USER]}
        operations = [
            {"method": "POST", "path": "/Users", "bulkId": f"b{n}", "data": data | {"userName": f"bulk{n}"}}
            for n in range(count)
        ]
        return {"schemas": [BULK], "Operations": operations}

    answer = await provisioner.ask("POST", "/Bulk", json=bulk(101))
    assert refusal(answer)[0] == 413
    assert await provisioner.found('userName sw "bulk"') == []
    twin = await provisioner.ask("POST", "/Bulk", json=bulk(3))
    assert [one["status"] for one in twin.json()["Operations"]] == ["201"] * 3


async def test_attack_68_a_body_that_is_too_large_is_not_read(provisioner: Scim) -> None:
    for path in ("/Bulk", "/Users", "/Groups/.search"):
        answer = await provisioner.ask("POST", path, content=b"[" + b" " * (1024 * 1024) + b"]")
        assert refusal(answer)[0] == 413, path


async def test_attack_68_a_body_that_is_no_user_is_refused(provisioner: Scim) -> None:
    for body in (b"[" * 100_000, b'{"a":' * 50_000, b"\xff\xfe", b"null", b'"x"', b"[]", b"{", b""):
        answer = await provisioner.ask("POST", "/Users", content=body)
        assert refusal(answer)[0] == 400, body[:10]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_attack_68_a_stale_etag_changes_nothing(authority: Authority, provisioner: Scim, method: str) -> None:
    made = await provisioner.create("etag")
    stale = made["meta"]["version"]
    await provisioner.patch(made["id"], {"op": "replace", "path": "displayName", "value": "Second"})
    sent: dict[str, Any] = {
        "PUT": {"json": {"schemas": [USER], "userName": "etag", "displayName": "Third"}},
        "PATCH": {
            "json": {"schemas": [PATCH], "Operations": [{"op": "replace", "path": "displayName", "value": "Third"}]}
        },
        "DELETE": {},
    }[method]
    answer = await provisioner.ask(method, f"/Users/{made['id']}", etag=stale, **sent)
    assert refusal(answer)[0] == 412
    assert user_of(authority, "etag").name == "Second"
    fresh = (await provisioner.ask("GET", f"/Users/{made['id']}")).headers["etag"]
    twin = await provisioner.ask(method, f"/Users/{made['id']}", etag=fresh, **sent)
    assert twin.status_code in (200, 204), twin.text


async def test_attack_68_of_two_who_change_the_same_version_at_once_one_does(
    authority: Authority, provisioner: Scim
) -> None:
    made = await provisioner.create("etag")
    answers = await asyncio.gather(
        *(
            provisioner.patch(
                made["id"], {"op": "replace", "path": "displayName", "value": name}, etag=made["meta"]["version"]
            )
            for name in ("First", "Second")
        )
    )
    assert sorted(answer.status_code for answer in answers) == [204, 412]
    won = [name for name, answer in zip(("First", "Second"), answers, strict=True) if answer.status_code == 204]
    assert [user_of(authority, "etag").name] == won


async def test_attack_68_text_that_no_database_keeps_is_refused(provisioner: Scim) -> None:
    names = ["userName", "displayName", "externalId", "title"]
    # A password is only hashed: any character will do, but a half one.
    for text, more in (("\\u0000", []), ("\\ud800", ["password"])):
        for name in names + more:
            body = f'{{"schemas": ["{USER}"], "userName": "odd", "{name}": "x{text}y"}}'
            answer = await provisioner.ask("POST", "/Users", content=body.encode())
            assert refusal(answer)[0] == 400, (text, name)
            group = f'{{"schemas": ["{GROUP}"], "displayName": "odd", "externalId": "x{text}y"}}'
            answer = await provisioner.ask("POST", "/Groups", content=group.encode())
            assert refusal(answer)[0] == 400, text


async def test_attack_68_what_is_told_of_one_person_is_bounded(provisioner: Scim) -> None:
    told = {"schemas": [USER], "userName": "long", "title": "x" * 60_000}
    answer = await provisioner.ask("POST", "/Users", json=told)
    assert refusal(answer)[:2] == (400, "invalidValue")
    await provisioner.create("long", title="x" * 6_000)


async def test_attack_69_anothers_id_is_as_unknown_as_nobodys(
    authority: Authority, server: httpx.AsyncClient, flow: Any, administration: str
) -> None:
    nurse = await _signed_in(server, flow, "frontdesk", administration)
    other = user_of(authority, "physician").id
    for method, sent in (("GET", {}), ("PATCH", {"json": {}}), ("PUT", {"json": {}}), ("DELETE", {})):
        theirs = await nurse.ask(method, f"/Users/{other}", **sent)
        nobodys = await nurse.ask(method, "/Users/00000000-0000-0000-0000-000000000000", **sent)
        assert refusal(theirs) == refusal(nobodys) == (404, None, "There is no such resource.")
    assert refusal(await nurse.ask("GET", "/Groups/x"))[0] == 403


async def test_attack_69_twin_ones_own_is_shown_without_the_password(
    authority: Authority, server: httpx.AsyncClient, flow: Any, administration: str
) -> None:
    nurse = await _signed_in(server, flow, "frontdesk", administration)
    me = user_of(authority, "frontdesk").id
    for path in ("/Me", f"/Users/{me}"):
        shown = (await nurse.ask("GET", path)).json()
        assert (shown["id"], shown["userName"]) == (me, "frontdesk")
        assert "password" not in shown
        assert "argon2" not in str(shown)


async def test_attack_70_an_id_is_never_given_to_another(authority: Authority, provisioner: Scim) -> None:
    first = await provisioner.create("someone")
    assert (await provisioner.ask("DELETE", f"/Users/{first['id']}")).status_code == 204
    second = await provisioner.create("someone", id=first["id"])
    assert second["id"] != first["id"]
    assert (await provisioner.ask("GET", f"/Users/{first['id']}")).status_code == 404
    again = await provisioner.ask("PUT", f"/Users/{first['id']}", json={"schemas": [USER], "userName": "x"})
    assert again.status_code == 404
    with authority.units.reading() as session:
        assert session.get(User, first["id"]) is not None
