"""Files that refer to one another are loaded whatever their order."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import respx

from bedside.cli import load as loading_command
from bedside.cli.failure import Failure
from bedside.cli.leftovers import circles
from bedside.cli.load import load
from bedside.cli.loading import Leftover
from bedside.service.settings import Settings

BASE = "http://gateway/fhir"


class Strict:
    """A FHIR base that takes only what refers to what is there, and never what is called bad."""

    def __init__(self) -> None:
        self.kept: list[str] = []
        self.transactions = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        bundle = orjson.loads(request.content)
        entries = bundle["entry"]
        if bundle["type"] == "transaction":
            self.transactions += 1
            together = {entry["request"]["url"] for entry in entries}
            if not all(self._fits(entry, together) for entry in entries):
                return httpx.Response(422, json={"issue": [{"code": "invalid"}]})
            self.kept += sorted(together)
            return httpx.Response(200, json={"entry": [{"response": {"status": "201"}} for _ in entries]})
        return httpx.Response(200, json={"entry": [{"response": self._took(entry)} for entry in entries]})

    def _took(self, entry: dict[str, Any]) -> dict[str, Any]:
        if not self._fits(entry, set()):
            return {"status": "422", "outcome": {"issue": [{"diagnostics": "not yet"}]}}
        self.kept.append(entry["request"]["url"])
        return {"status": "201"}

    def _fits(self, entry: dict[str, Any], together: set[str]) -> bool:
        targets = {each["reference"] for each in entry["resource"].get("to", [])}
        return targets <= {*self.kept, *together} and "bad" not in entry["request"]["url"]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Any:
    async def token(refused: bool) -> str:
        return "t"

    monkeypatch.setattr(loading_command, "read_demo", lambda folder: {"fhir": BASE})
    monkeypatch.setattr(loading_command, "integrator_token", lambda demo: token)
    strict = Strict()
    with respx.mock() as router:
        router.post(BASE).mock(side_effect=strict)
        yield strict


def resource(key: str, *targets: str) -> bytes:
    kind, _, id = key.partition("/")
    return orjson.dumps({"resourceType": kind, "id": id, "to": [{"reference": each} for each in targets]})


def written(folder: Path, *lines: bytes, name: str = "a") -> None:
    (folder / "files").mkdir(exist_ok=True)
    (folder / "files" / f"{name}.ndjson").write_bytes(b"\n".join(lines))


def run(folder: Path) -> None:
    settings = Settings(data_dir=folder / "data")
    settings.data_dir.mkdir(exist_ok=True)
    asyncio.run(load([folder / "files"], base=None, again=False, settings=settings))


def test_what_is_referred_to_may_come_later(server: Strict, tmp_path: Path) -> None:
    written(tmp_path, resource("Basic/1", "Basic/2"), resource("Basic/2", "Basic/3"), resource("Basic/3"))
    run(tmp_path)

    assert server.kept == ["Basic/3", "Basic/2", "Basic/1"]


def test_what_refers_in_a_circle_goes_as_one(server: Strict, tmp_path: Path) -> None:
    written(
        tmp_path,
        resource("Basic/0", "Basic/1"),
        resource("Basic/1", "Basic/2"),
        resource("Basic/2", "Basic/1"),
        resource("Basic/bad", "Basic/1"),
    )
    with pytest.raises(Failure, match="1 resources were refused"):
        run(tmp_path)

    assert (server.kept, server.transactions) == (["Basic/1", "Basic/2", "Basic/0"], 1)


def test_what_is_refused_for_good_is_told_once_with_its_place(
    server: Strict, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path, resource("Basic/1"), resource("Basic/bad"))
    with pytest.raises(Failure, match="1 resources were refused"):
        run(tmp_path)

    assert capsys.readouterr().err.count("refused  a.ndjson from line 1 entry 1: not yet") == 1


def test_a_second_run_sends_only_what_was_not_all_taken(server: Strict, tmp_path: Path) -> None:
    written(tmp_path, resource("Basic/1", "Basic/2"), resource("Basic/2"), name="a")
    written(tmp_path, resource("Basic/bad"), name="b")
    for _ in range(2):
        with pytest.raises(Failure, match="1 resources were refused"):
            run(tmp_path)

    assert server.kept == ["Basic/2", "Basic/1"]


def test_circles_are_taken_apart_from_what_only_refers_to_them() -> None:
    lines = {
        "Basic/a": ("Basic/b", "Basic/x"),
        "Basic/b": ("Basic/a",),
        "Basic/c": ("Basic/b", "Basic/c"),
        "Basic/d": ("Basic/e",),
        "Basic/e": ("Basic/f",),
        "Basic/f": ("http://here/fhir/Basic/d",),
    }
    left = [
        Leftover("p", b'{"resource":%s,"request":{"method":"PUT","url":"%s"}}' % (resource(key, *to), key.encode()), ())
        for key, to in lines.items()
    ]
    found = [{orjson.loads(each.entry)["request"]["url"] for each in part} for _, part in circles(left)]

    assert sorted(found, key=len) == [{"Basic/a", "Basic/b"}, {"Basic/d", "Basic/e", "Basic/f"}]
