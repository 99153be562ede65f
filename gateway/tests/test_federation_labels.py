"""`$meta` of the whole base: the labels of all owners as of one server. On both databases."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bedside.gateway.federation.side_by_side import SideBySide, side_by_side

DATABASES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)]
SECRET = {"system": "http://example.org/label", "code": "secret"}
WARD = {"system": "http://example.org/label", "code": "ward"}
RECORD: list[dict[str, Any]] = [
    {"resourceType": "Patient", "id": "p1", "meta": {"tag": [WARD], "security": [SECRET]}},
    {
        "resourceType": "Observation",
        "id": "o1",
        "meta": {"tag": [WARD], "profile": ["http://example.org/profile"]},
        "status": "final",
        "code": {"text": "x"},
    },
]


@pytest.fixture(params=DATABASES)
async def both(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SideBySide]:
    async with side_by_side(request.param, tmp_path) as running:
        await running.put(*RECORD)
        yield running


def labels(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    [told] = answer.json()["parameter"]
    meta: dict[str, Any] = told["valueMeta"]
    return meta


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_each_label_of_every_owner_is_told_once(both: SideBySide, method: str) -> None:
    told = labels(await both.ask(method, "/$meta"))

    assert told == {"profile": ["http://example.org/profile"], "security": [SECRET], "tag": [WARD]}


async def test_labels_are_told_of_what_may_be_read(both: SideBySide) -> None:
    told = labels(await both.ask("GET", "/$meta", scope="system/Observation.rs"))

    assert told == {"profile": ["http://example.org/profile"], "tag": [WARD]}


async def test_another_method_is_refused_with_those_that_are_not(both: SideBySide) -> None:
    refused = await both.ask("DELETE", "/$meta")

    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, POST")
