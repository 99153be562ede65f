"""A running platform for the tests that ask it: the embedded default, and PostgreSQL with RabbitMQ."""

import os
import secrets
from collections.abc import Iterator

import pytest

from tests.platform import Platform, running_platform


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """`bedside up` on SQLite, at the clock of the examples."""
    yield from running_platform(tmp_path_factory.mktemp("embedded"), {})


@pytest.fixture(scope="session")
def platform_on_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """`bedside up` on PostgreSQL and RabbitMQ, with databases of its own."""
    server = _given("BEDSIDE_TEST_DATABASE_URL").rsplit("/", 1)[0]
    servers = {
        "BEDSIDE_DATABASE_URL": f"{server}/t{secrets.token_hex(4)}",
        "BEDSIDE_BROKER_URL": _given("BEDSIDE_TEST_BROKER_URL"),
    }
    yield from running_platform(tmp_path_factory.mktemp("servers"), servers)


def _given(name: str) -> str:
    url = os.environ.get(name)
    if not url:
        pytest.fail(f"{name} is not set: ./test.sh provides the servers, ./test.sh --fast leaves these tests out")
    return url
