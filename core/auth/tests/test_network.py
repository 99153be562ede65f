"""Whose tries are counted: the peer's, or whoever a trusted proxy names."""

from ipaddress import ip_network

import pytest
from starlette.requests import Request

from bedside.auth.sign_in.network import network_of

PROXIES = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("peer", "named", "counted"),
    [
        ("203.0.113.7", [], "203.0.113.7"),
        ("203.0.113.7", ["198.51.100.1"], "203.0.113.7"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["1.1.1.1, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["1.1.1.1", "198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", ["1.1.1.1, nonsense"], "10.0.0.1"),
        ("10.0.0.1", ["1.1.1.1, nonsense, 10.0.0.9"], "10.0.0.9"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", [", ".join(["10.0.0.3"] * 500)], "10.0.0.3"),
        ("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["::ffff:198.51.100.1"], "198.51.100.1"),
        ("2001:db8:1:2:3:4:5:6", [], "2001:db8:1:2::/64"),
        ("fd00::1", ["2001:db8:1:2:aaaa::1"], "2001:db8:1:2::/64"),
        (None, ["198.51.100.1"], "unknown"),
        ("/run/socket", [], "unknown"),
    ],
)
def test_who_is_counted(peer: str | None, named: list[str], counted: str) -> None:
    headers = [(b"x-forwarded-for", line.encode()) for line in named]
    scope = {"type": "http", "headers": headers, "client": (peer, 1234) if peer is not None else None}
    assert network_of(Request(scope), proxies=PROXIES) == counted


def test_nobody_is_trusted_who_was_not_named() -> None:
    headers = [(b"x-forwarded-for", b"198.51.100.1")]
    scope = {"type": "http", "headers": headers, "client": ("127.0.0.1", 1234)}
    assert network_of(Request(scope), proxies=()) == "127.0.0.1"
