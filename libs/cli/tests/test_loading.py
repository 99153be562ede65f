"""What becomes of files on their way to a FHIR base."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import respx

from bedside.cli import loading
from bedside.cli.failure import Failure
from bedside.cli.loading import Leftover, Outcome, Parcel, Unanswered, send
from bedside.cli.parcels import files_in, parcels_of

BASE = "http://gateway/fhir"
BUNDLE = {"resourceType": "Bundle", "type": "transaction", "entry": [{"resource": {"resourceType": "Patient"}}]}


@pytest.fixture(autouse=True)
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[respx.MockRouter]:
    monkeypatch.setattr(loading, "_BACK_OFF_S", 0.001)
    with respx.mock(assert_all_called=False) as router:
        yield router


async def sent(*parcels: Parcel) -> Outcome:
    async def token(refused: bool) -> str:
        return "new" if refused else "old"

    return await send(parcels, base=BASE, token=token, told=lambda parcel, outcome: None)


def test_hospitals_and_practitioners_go_before_the_patients(tmp_path: Path) -> None:
    for name in ("a.json", "0-hospital.json", "b.ndjson", "README.md"):
        (tmp_path / name).write_text("{}")

    first, [rest] = files_in([tmp_path])

    assert ([path.name for path in first], [path.name for path in rest]) == (
        ["0-hospital.json"],
        ["a.json", "b.ndjson"],
    )


def test_files_of_lines_go_in_the_order_of_what_their_types_refer_to_and_deletions_last(tmp_path: Path) -> None:
    for place, kind in enumerate(("Bundle", "Observation", "Encounter", "Patient", "Practitioner", "Organization")):
        (tmp_path / f"{place}.ndjson").write_text(f'{{"resourceType":"{kind}"}}\n')
    (tmp_path / "6.ndjson").write_text("")

    _, stages = files_in([tmp_path])

    assert [[path.stem for path in stage] for stage in stages] == [["5"], ["4"], ["3"], ["2"], ["1", "6"], ["0"]]


def test_a_transaction_goes_as_the_bytes_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b'{"resourceType":"Bundle",  "type":"transaction", "entry":[{"x":1.50}]}')

    assert list(parcels_of(path)) == [Parcel("a.json", path.read_bytes(), 1)]


def test_lines_go_in_batches_and_keep_their_ids(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    path.write_text('{"resourceType":"Patient","id":"p1"}\n\n{"resourceType":"Patient"}\n')

    [parcel] = parcels_of(path)

    assert parcel.resources == 2
    assert [entry["request"] for entry in orjson.loads(parcel.body)["entry"]] == [
        {"method": "PUT", "url": "Patient/p1"},
        {"method": "POST", "url": "Patient"},
    ]


def test_a_resource_of_a_line_goes_as_the_bytes_it_is(tmp_path: Path) -> None:
    line = b'{"resourceType":"Observation","id":"o1","valueQuantity":{"value":1.50}}'
    (tmp_path / "a.ndjson").write_bytes(line + b"\n")

    [parcel] = parcels_of(tmp_path / "a.ndjson")

    assert b'{"resource":' + line + b',"request":' in parcel.body


def test_lines_that_are_bundles_go_by_themselves(tmp_path: Path) -> None:
    line = b'{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"DELETE","url":"Patient/1"}}]}'
    (tmp_path / "a.ndjson").write_bytes(line + b"\n")

    assert list(parcels_of(tmp_path / "a.ndjson")) == [Parcel("a.ndjson line 1", line, 1)]


def test_the_manifest_of_an_export_is_not_loaded(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"transactionTime":"2026-01-01T00:00:00Z","output":[]}')

    assert list(parcels_of(tmp_path / "manifest.json")) == []


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.json", "{"), ("a.json", "[]"), ("a.json", '{"x":1}'), ("a.ndjson", "nonsense"), ("a.json", "7")],
)
def test_what_is_no_fhir_is_said_to_be_none(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)

    with pytest.raises(Failure, match="a\\."):
        list(parcels_of(tmp_path / name))


async def test_a_refusal_names_the_file_the_place_and_the_reason(gateway: respx.MockRouter) -> None:
    issue = {"expression": ["Bundle.entry[0].resource.birthDate"], "diagnostics": "2031-13 is no date"}
    gateway.post(BASE).respond(422, json={"resourceType": "OperationOutcome", "issue": [issue]})

    outcome = await sent(Parcel("a.json", orjson.dumps(BUNDLE), 3))

    assert outcome == Outcome(
        taken=0, refused=3, refusals=["a.json: Bundle.entry[0].resource.birthDate: 2031-13 is no date"]
    )


async def test_entries_of_a_batch_are_refused_one_by_one(gateway: respx.MockRouter) -> None:
    refused = {"status": "422", "outcome": {"issue": [{"code": "invalid"}]}}
    gateway.post(BASE).respond(json={"entry": [{"response": {"status": "201"}}, {"response": refused}]})

    outcome = await sent(Parcel("a.ndjson", b"{}", 2))

    assert outcome == Outcome(taken=1, refused=1, refusals=["a.ndjson entry 1: invalid"])


async def test_an_entry_that_can_be_sent_again_is_left_and_not_yet_refused(gateway: respx.MockRouter) -> None:
    refused = {"status": "422", "outcome": {"issue": [{"code": "invalid"}]}}
    gateway.post(BASE).respond(json={"entry": [{"response": {"status": "201"}}, {"response": refused}]})
    parcel = Parcel("a.ndjson", b"{}", 2, (b"first", b"second"))

    outcome = await sent(parcel)

    left = Leftover(parcel.key, b"second", ("a.ndjson entry 1: invalid",))
    assert outcome == Outcome(taken=1, left=[left])


async def test_a_token_that_ended_is_renewed_and_a_busy_server_asked_again(gateway: respx.MockRouter) -> None:
    taken: dict[str, Any] = {"entry": []}
    route = gateway.post(BASE)
    route.side_effect = [
        httpx.Response(401),
        httpx.Response(503),
        httpx.ConnectError("away"),
        httpx.Response(200, json=taken),
    ]

    outcome = await sent(Parcel("a.json", b"{}", 1))

    assert outcome.taken == 1
    assert [call.request.headers["authorization"] for call in route.calls[:2]] == ["Bearer old", "Bearer new"]


async def test_a_server_that_stays_away_is_given_up(gateway: respx.MockRouter) -> None:
    gateway.post(BASE).respond(503)

    with pytest.raises(ExceptionGroup) as caught:
        await sent(Parcel("a.json", b"{}", 1))

    assert caught.group_contains(Unanswered, match="did not take a.json: status 503")
