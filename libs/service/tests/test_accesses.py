"""What an edge tells the access log: every access, before its answer leaves, whatever breaks on the way."""

import errno
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from bedside.identity import Guard, Refused
from bedside.identity.testing import TestIssuer
from bedside.service.accesses import Journal, Noting, Shipping
from bedside.service.accesses.noting import HELD_BYTES_MAX, PATIENTS_IN_A_LINE
from bedside.service.accesses.shipping import BYTES_AT_ONCE, LINES_AT_ONCE, batches
from bedside.service.accesses.strangers import TOLD_AT_ONCE, TOLD_PER_S, Strangers
from bedside.service.clock import RealClock
from bedside.service.metrics import Measures
from bedside.service.requests import Requests

AUTH = "http://auth.example"
MEASURES = Measures("patients")
ISSUER = TestIssuer()
GUARD = Guard(ISSUER.verifier())


async def read(request: Request) -> Response:
    try:
        await GUARD.admit(request.scope)
    except Refused:
        return JSONResponse({"resourceType": "OperationOutcome"}, 401)
    id_ = request.path_params["id"]
    if id_ == "broken":
        raise ValueError
    if id_.startswith("missing"):
        return JSONResponse({"resourceType": "OperationOutcome"}, 404)
    return JSONResponse({"resourceType": "Patient", "id": id_})


async def export(request: Request) -> Response:
    await GUARD.admit(request.scope)
    filling = b" " * HELD_BYTES_MAX

    async def pieces() -> AsyncIterator[bytes]:
        yield b'"subject":{"reference":"Patient/a"}' + filling
        yield b'"subject":{"reference":"Pati'
        yield b'ent/b"}' + filling
        if request.query_params.get("cut"):
            yield b'"subject":{"reference":"Patient/c"}'
            raise ValueError
        yield b'"subject":{"reference":"Patient/a"}' + filling

    return StreamingResponse(pieces())


async def very_many(request: Request) -> Response:
    await GUARD.admit(request.scope)
    return JSONResponse([{"reference": f"Patient/{n:04}"} for n in range(PATIENTS_IN_A_LINE + 1)])


class Edge:
    """One process, whose journal lies in `folder`."""

    def __init__(self, folder: Path, *, bytes_max: int = 10_000_000) -> None:
        self.journal = Journal(folder, bytes_max=bytes_max)
        app = Starlette(
            routes=[
                Route("/fhir/Patient/{id}", read),
                Route("/fhir/Observation", export),
                Route("/fhir/Group", very_many),
            ]
        )
        noting = Noting(app, journal=self.journal, source="patients", clock=RealClock())
        self._app = Requests(noting, measures=MEASURES, body_max_bytes=2**20, test_mode=False)

    async def get(self, path: str, *, token: str | None = None, **claims: Any) -> httpx.Response:
        transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
        bearer = ISSUER.token(**claims) if token is None else token
        async with httpx.AsyncClient(transport=transport, base_url="http://edge") as client:
            return await client.get(path, headers={"Authorization": f"Bearer {bearer}"} if bearer else {})

    def shipping(self, auth: "Auth") -> Shipping:
        return Shipping(self.journal, auth=AUTH, http=auth.client(), login=_Login())  # type: ignore[arg-type]


class _Login:
    async def token(self, audience: str, scope: str) -> str:
        return "token"


class Auth:
    """Takes each id once, as the real one; `away` as long as that is set."""

    def __init__(self) -> None:
        self.taken: dict[str, dict[str, Any]] = {}
        self.asked = 0
        self.away = False
        self.forgets_to_answer = False

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        if self.away:
            raise httpx.ConnectError("away")
        for line in request.content.splitlines():
            told = orjson.loads(line)
            self.taken.setdefault(told["id"], told)
        if self.forgets_to_answer:
            raise httpx.ReadError("cut off")
        return httpx.Response(200, json={})

    def said(self, *names: str) -> list[tuple[Any, ...]]:
        return [tuple(told.get(name) or told["detail"].get(name) for name in names) for told in self.taken.values()]


def written(folder: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for path in sorted(folder.glob("*")) for line in path.read_bytes().splitlines() if line]


def left(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


@pytest.fixture
def auth() -> Auth:
    return Auth()


async def test_a_read_is_in_the_journal_when_its_answer_leaves(tmp_path: Path) -> None:
    await Edge(tmp_path).get("/fhir/Patient/p1?_elements=name")

    [told] = written(tmp_path)
    assert {
        name: told[name] for name in ("source", "action", "outcome", "subject", "client", "entity", "patients")
    } == {
        "source": "patients",
        "action": "read",
        "outcome": "success",
        "subject": "test-subject",
        "client": "test-client",
        "entity": "Patient/p1",
        "patients": ["p1"],
    }
    assert told["detail"]["parameters"] == "_elements"
    assert told["detail"]["status"] == "200"


async def test_a_process_that_ends_between_writing_and_shipping_leaves_it_to_the_next(
    tmp_path: Path, auth: Auth
) -> None:
    died = Edge(tmp_path)
    await died.get("/fhir/Patient/p1")
    os.close(died.journal.turn() or 0)  # What the system does for a process that is killed: nothing is sealed.

    await Edge(tmp_path).shipping(auth).ship()

    assert auth.said("entity") == [("Patient/p1",)]
    assert left(tmp_path) == []


async def test_a_line_that_a_crash_cut_off_is_not_told_and_those_before_it_are(tmp_path: Path, auth: Auth) -> None:
    died = Edge(tmp_path)
    await died.get("/fhir/Patient/p1")
    file = died.journal.turn() or 0
    os.write(file, b'{"id":"half')
    os.close(file)

    await Edge(tmp_path).shipping(auth).ship()

    assert auth.said("entity") == [("Patient/p1",)]


async def test_what_a_living_process_writes_to_is_left_to_it(tmp_path: Path, auth: Auth) -> None:
    one, other = Edge(tmp_path), Edge(tmp_path)
    await one.get("/fhir/Patient/p1")
    await other.get("/fhir/Patient/p2")

    await other.shipping(auth).ship()
    assert auth.said("entity") == [("Patient/p2",)]

    await one.get("/fhir/Patient/p3")
    await one.shipping(auth).ship()
    assert sorted(auth.said("entity")) == [("Patient/p1",), ("Patient/p2",), ("Patient/p3",)]


async def test_a_batch_whose_answer_was_lost_is_sent_again(tmp_path: Path, auth: Auth) -> None:
    edge = Edge(tmp_path)
    await edge.get("/fhir/Patient/p1")
    auth.forgets_to_answer = True
    with pytest.raises(httpx.ReadError):
        await edge.shipping(auth).ship()
    auth.forgets_to_answer = False

    await edge.shipping(auth).ship()

    assert (auth.asked, len(auth.taken), left(tmp_path)) == (2, 1, [])


async def test_while_auth_is_away_it_is_kept_up_to_a_bound_and_then_nothing_is_shown(
    tmp_path: Path, auth: Auth
) -> None:
    edge = Edge(tmp_path, bytes_max=1_000)
    auth.away = True
    statuses = []
    for _ in range(8):
        statuses.append((await edge.get("/fhir/Patient/p1")).status_code)
        with pytest.raises(httpx.ConnectError):
            await edge.shipping(auth).ship()
    assert statuses == sorted(statuses), "once it is full it stays so"
    assert set(statuses) == {200, 503}

    auth.away = False
    await edge.shipping(auth).ship()
    await edge.shipping(auth).ship()

    assert len(auth.taken) == statuses.count(200)
    assert (await edge.get("/fhir/Patient/p1")).status_code == 200


async def test_on_a_full_disk_nothing_is_shown_or_begun_until_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, auth: Auth
) -> None:
    edge = Edge(tmp_path)
    room, write = [40], os.write

    def full(file: int, line: bytes) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken, room[0] = line[: room[0]], max(room[0] - len(line), 0)
        return write(file, taken)

    monkeypatch.setattr(os, "write", full)
    first = await edge.get("/fhir/Patient/p1")
    second = await edge.get("/fhir/Patient/broken")
    room[0] = 10_000
    third = await edge.get("/fhir/Patient/p3")

    # The second did not reach the service, which would have broken.
    assert [each.status_code for each in (first, second, third)] == [503, 503, 200]
    await edge.shipping(auth).ship()
    assert auth.said("entity") == [("Patient/p3",)]


async def test_each_part_of_a_long_answer_is_noted_before_it_leaves(tmp_path: Path, auth: Auth) -> None:
    edge = Edge(tmp_path)
    answer = await edge.get("/fhir/Observation")

    assert answer.content.count(b"Patient/a") == 2
    await edge.shipping(auth).ship()
    assert auth.said("patients", "part") == [(["a"], None), (["b"], "2")]


async def test_of_a_long_answer_that_broke_what_left_is_told(tmp_path: Path, auth: Auth) -> None:
    edge = Edge(tmp_path)
    await edge.get("/fhir/Observation?cut=1")

    await edge.shipping(auth).ship()
    assert auth.said("patients") == [(["a"],), (["b"],)]


async def test_very_many_patients_are_several_lines_and_none_is_left_out(tmp_path: Path) -> None:
    await Edge(tmp_path).get("/fhir/Group")

    assert [len(told["patients"]) for told in written(tmp_path)] == [PATIENTS_IN_A_LINE, 1]


async def test_a_request_that_breaks_is_told_as_failed(tmp_path: Path) -> None:
    assert (await Edge(tmp_path).get("/fhir/Patient/broken")).status_code == 500

    assert [(told["outcome"], told["detail"]["status"]) for told in written(tmp_path)] == [("failed", "500")]


@pytest.mark.parametrize(("token", "reason"), [("", "absent"), ("no.token.at-all", None)])
async def test_who_was_not_admitted_is_told_without_a_word_of_theirs(
    tmp_path: Path, token: str, reason: str | None
) -> None:
    assert (await Edge(tmp_path).get("/fhir/Patient/MRN-4711?quillfeather=1", token=token)).status_code == 401

    [told] = written(tmp_path)
    assert [told[name] for name in ("outcome", "subject", "client", "entity", "patients")] == [
        "refused", None, None, "Patient", [],
    ]  # fmt: skip
    assert set(told["detail"]) == {"reason", "status", "trace"}
    assert reason in (None, told["detail"]["reason"])


async def test_strangers_do_not_fill_the_journal(tmp_path: Path) -> None:
    edge = Edge(tmp_path)
    for _ in range(TOLD_AT_ONCE + 30):
        await edge.get("/fhir/Patient/p1", token="")

    assert len(written(tmp_path)) < TOLD_AT_ONCE + 30


def test_what_was_too_much_to_tell_of_strangers_is_counted() -> None:
    at = [0.0]
    strangers = Strangers(lambda: at[0])
    told = sum(strangers.may_be_told() for _ in range(TOLD_AT_ONCE + 5))
    at[0] += 1 / TOLD_PER_S

    assert (told, strangers.may_be_told(), strangers.untold(), strangers.untold()) == (TOLD_AT_ONCE, True, 5, 0)


@pytest.mark.parametrize(
    ("claims", "entity"),
    [
        ({}, "Patient"),
        ({"scope": "patient/*.rs", "patient": "p1"}, "Patient/missing-p2"),
    ],
    ids=["what is not there is nobody's, and may be a typed number", "whose app may be told so of somebody else's"],
)
async def test_what_is_told_of_a_patient_that_is_not_shown(tmp_path: Path, claims: dict[str, Any], entity: str) -> None:
    await Edge(tmp_path).get("/fhir/Patient/missing-p2", **claims)

    assert [told["entity"] for told in written(tmp_path)] == [entity]


@pytest.mark.parametrize(
    ("lines", "sizes"),
    [
        ([], []),
        ([b"x\n"] * (LINES_AT_ONCE + 1), [2 * LINES_AT_ONCE, 2]),
        ([b"x" * (BYTES_AT_ONCE - 1), b"y", b"z"], [BYTES_AT_ONCE, 1]),
        ([b"x" * (BYTES_AT_ONCE + 1), b"y"], [BYTES_AT_ONCE + 1, 1]),
    ],
)
def test_a_batch_is_never_more_than_auth_takes(lines: list[bytes], sizes: list[int]) -> None:
    assert [len(batch) for batch in batches(lines)] == sizes
