"""Keys of clients at addresses of their own, and attacks through them (46)."""

import asyncio
import time
from typing import Any

import pytest
from sqlmodel import Session

from bedside.auth.tables import Client

GRANTED = (200, "system/Patient.rs")


async def test_keys_at_an_address_are_fetched_once_and_by_name(distant: Any, key_server: Any, network: Any) -> None:
    key_server.show(distant.key.public())
    assert [await distant.outcome(), await distant.outcome()] == [GRANTED, GRANTED]
    assert network.reached == [("93.184.216.34", 443)]
    request = key_server.asked[0].splitlines()
    assert request[0] == "GET /jwks HTTP/1.1"
    assert "host: keys.example.org" in [line.lower() for line in request]
    assert not [line for line in request if line.lower().startswith(("cookie", "authorization"))]


async def test_a_new_key_at_the_address_is_found_and_a_removed_one_ends(
    distant: Any, key_server: Any, network: Any, keys: Any
) -> None:
    key_server.show(distant.key.public())
    assert await distant.outcome() == GRANTED
    key_server.show(keys["RS384"].public())
    network.seconds += 11
    assert await distant.outcome(distant.assertion(key=keys["RS384"])) == GRANTED
    assert await distant.outcome() == (401, "assertion-key")
    assert len(key_server.asked) == 2


async def test_attack_46_unknown_keys_make_no_more_than_one_fetch_an_interval(
    distant: Any, key_server: Any, network: Any
) -> None:
    key_server.show(distant.key.public())
    assert await distant.outcome() == GRANTED
    network.seconds += 11
    for number in range(20):
        outcome = await distant.outcome(distant.assertion(header={"kid": f"made-up-{number}"}))
        assert outcome == (401, "assertion-key")
    assert len(key_server.asked) == 2
    assert await distant.outcome() == GRANTED


async def test_keys_go_on_for_an_hour_while_their_address_is_away(distant: Any, key_server: Any, network: Any) -> None:
    key_server.show(distant.key.public())
    assert await distant.outcome() == GRANTED
    network.names.clear()
    network.seconds += 3_000
    assert await distant.outcome() == GRANTED
    network.seconds += 601
    assert await distant.outcome() == (401, "assertion-key")


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.0.0.7"],
        ["172.16.3.4"],
        ["192.168.1.1"],
        ["169.254.169.254"],
        ["100.64.0.1"],
        ["0.0.0.0"],
        ["224.0.0.1"],
        ["255.255.255.255"],
        ["::1"],
        ["::"],
        ["fd00::1"],
        ["fe80::1"],
        ["fe80::1%eth0"],
        ["ff02::1"],
        ["::ffff:127.0.0.1"],
        ["::ffff:10.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["2002:7f00:1::"],
        ["93.184.216.34", "10.0.0.7"],
        [],
    ],
)
async def test_attack_46_jwks_uri_leads_inside(
    distant: Any, key_server: Any, network: Any, addresses: list[str]
) -> None:
    key_server.show(distant.key.public())
    network.names["keys.example.org"] = addresses
    assert await distant.outcome() == (401, "assertion-key")
    assert (network.reached, key_server.asked) == ([], [])
    network.names["keys.example.org"] = ["93.184.216.34"]
    network.seconds += 11
    assert await distant.outcome() == GRANTED


async def test_attack_46_a_name_that_changes_its_mind_is_asked_once(
    distant: Any, key_server: Any, network: Any, authority: Any
) -> None:
    """DNS rebinding: the connection goes to the address that was checked."""
    key_server.show(distant.key.public())
    asked = 0

    async def rebinding(host: str, port: int) -> list[str]:
        nonlocal asked
        asked += 1
        return ["93.184.216.34"] if asked == 1 else ["127.0.0.1"]

    authority.client_keys._fetch.__self__._resolve = rebinding
    assert await distant.outcome() == GRANTED
    assert (asked, network.reached) == (1, [("93.184.216.34", 443)])


def slow(server: Any) -> None:
    server.pause_s = 0.2


def large(server: Any) -> None:
    server.answer = (
        server.answer.split(b"\r\n\r\n")[0].replace(b"Content-Length", b"X") + b"\r\n\r\n" + b" " * 10_000_000
    )


def redirect(server: Any) -> None:
    server.answer = b"HTTP/1.1 302 Found\r\nLocation: https://keys.example.org/other\r\nContent-Length: 0\r\n\r\n"


def failing(server: Any) -> None:
    server.answer = server.answer.replace(b"200 OK", b"500 Oops")


def nonsense(server: Any) -> None:
    server.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n<htm>"


def deep(server: Any) -> None:
    body = b'{"keys":' + b"[" * 50_000
    server.answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body


@pytest.mark.parametrize("trouble", [slow, large, redirect, failing, nonsense, deep])
async def test_attack_46_jwks_uri_slow_large_or_elsewhere(
    distant: Any, key_server: Any, network: Any, trouble: Any
) -> None:
    key_server.show(distant.key.public())
    good = key_server.answer
    trouble(key_server)
    before = time.monotonic()
    assert await distant.outcome() == (401, "assertion-key")
    assert time.monotonic() - before < 4.5
    assert len(key_server.asked) == 1
    key_server.answer, key_server.pause_s = good, 0.0
    network.seconds += 11
    assert await distant.outcome() == GRANTED


async def test_attack_46_a_slow_address_holds_up_nobody_else(
    distant: Any, program: Any, key_server: Any, server: Any
) -> None:
    key_server.show(distant.key.public())
    slow(key_server)
    waiting = [asyncio.create_task(distant.ask()) for _ in range(50)]
    await asyncio.sleep(0.3)
    before = time.monotonic()
    assert await program.outcome() == GRANTED
    assert time.monotonic() - before < 1.5
    assert {answer.status_code for answer in await asyncio.gather(*waiting)} == {401}
    assert len(key_server.asked) == 1


async def test_attack_46_a_certificate_of_another_name(distant: Any, key_server: Any, authority: Any) -> None:
    key_server.show(distant.key.public())
    with authority.units.unit() as session:
        _move(session, "https://other.example.org/jwks")
    authority.client_keys._fetch.__self__._resolve = _always_public
    assert await distant.outcome() == (401, "assertion-key")
    assert key_server.asked == []
    with authority.units.unit() as session:
        _move(session, "https://keys.example.org/jwks")
    assert await distant.outcome() == GRANTED


@pytest.mark.parametrize("uri", ["http://keys.example.org/jwks", "file:///etc/passwd", "https://u:p@keys.example.org/"])
async def test_attack_46_an_address_that_is_not_https_is_not_fetched_even_if_it_were_registered(
    distant: Any, key_server: Any, network: Any, authority: Any, uri: str
) -> None:
    key_server.show(distant.key.public())
    with authority.units.unit() as session:
        _move(session, uri)
    assert await distant.outcome() == (401, "assertion-key")
    assert (network.reached, key_server.asked) == ([], [])


async def test_attack_46_a_set_that_shows_a_private_key_is_believed_in_nothing(
    distant: Any, key_server: Any, network: Any, keys: Any
) -> None:
    key_server.show(distant.key.public(), keys["RS384"].whole())
    assert await distant.outcome() == (401, "assertion-key")
    key_server.show(distant.key.public(), keys["RS384"].public())
    network.seconds += 11
    assert await distant.outcome() == GRANTED


def _move(session: Session, uri: str) -> None:
    client = session.get_one(Client, "distant")
    client.jwks_uri = uri
    session.add(client)


async def _always_public(host: str, port: int) -> list[str]:
    return ["93.184.216.34"]
