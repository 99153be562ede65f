"""A service's own token and exchanged ones: asked for once, renewed in time."""

import asyncio
from typing import Any

import httpx
import pytest

from bedside.identity import Exchange, LoginRefused, ServiceKey, ServiceLogin, Unreachable

TOKEN_URL = "http://127.0.0.1:8003/token"


class Auth:
    """Counts what it is asked."""

    def __init__(self, status: int = 200, **body: Any) -> None:
        self.asked: list[dict[str, str]] = []
        self.authorizations: list[str | None] = []
        self.status = status
        self.body = body or {"expires_in": 300}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.authorizations.append(request.headers.get("authorization"))
        self.asked.append(dict(httpx.QueryParams(request.content.decode()).items()))
        return httpx.Response(self.status, json={"access_token": f"t{len(self.asked)}"} | self.body)

    def login(self) -> ServiceLogin:
        http = httpx.AsyncClient(transport=httpx.MockTransport(self))
        return ServiceLogin(TOKEN_URL, "gateway", "secret", http=http)


async def test_a_token_is_kept_per_audience() -> None:
    auth = Auth()
    login = auth.login()
    tokens = [await login.token(audience) for audience in ("a", "b", "a")]
    assert tokens == ["t1", "t2", "t1"]
    assert [asked["resource"] for asked in auth.asked] == ["a", "b"]


async def test_a_service_with_a_key_signs_anew_for_each_request_and_sends_nothing_else_to_prove_itself() -> None:
    auth = Auth()
    http = httpx.AsyncClient(transport=httpx.MockTransport(auth))
    login = ServiceLogin(TOKEN_URL, "gateway", ServiceKey.generated(), issuer="https://sign-in.example", http=http)
    assert [await login.token(audience, "system/*.rs") for audience in ("a", "b")] == ["t1", "t2"]
    assert [sorted(asked) for asked in auth.asked] == [
        ["client_assertion", "client_assertion_type", "grant_type", "resource", "scope"]
    ] * 2
    assert auth.authorizations == [None, None]
    assert auth.asked[0]["client_assertion"] != auth.asked[1]["client_assertion"]


async def test_a_service_with_a_secret_shows_it_in_the_header() -> None:
    auth = Auth()
    await auth.login().token("a", "system/*.rs")
    assert sorted(auth.asked[0]) == ["grant_type", "resource", "scope"]
    assert auth.authorizations == ["Basic Z2F0ZXdheTpzZWNyZXQ="]


async def test_a_token_that_ends_at_once_is_not_kept() -> None:
    login = Auth(expires_in=0).login()
    assert [await login.token("a"), await login.token("a")] == ["t1", "t2"]


async def test_many_who_wait_ask_once() -> None:
    auth = Auth()
    exchange = Exchange(auth.login())
    assert set(await asyncio.gather(*(exchange.exchange("bearer", "a") for _ in range(20)))) == {"t1"}
    assert len(auth.asked) == 1
    assert await exchange.exchange("another", "a") == "t2"


async def test_a_refused_exchange_is_not_kept() -> None:
    auth = Auth(status=400, error="invalid_grant")
    exchange = Exchange(auth.login())
    for _ in range(2):
        with pytest.raises(LoginRefused, match="invalid_grant"):
            await exchange.exchange("bearer", "a")
    assert len(auth.asked) == 2


async def test_a_broken_auth_is_unreachable() -> None:
    with pytest.raises(Unreachable):
        await Auth(status=503).login().token("a")

    def cut(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    login = ServiceLogin(TOKEN_URL, "x", "y", http=httpx.AsyncClient(transport=httpx.MockTransport(cut)))
    with pytest.raises(Unreachable):
        await login.token("a")
