"""Whatever a search is asked, it is understood or refused with 400: no value breaks the database it is put to.

Every parameter of every type that a service owns meets every value and modifier; what is not refused is put to both
databases, as a test of stored resources and as a set, many in one statement.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from bedside.encounters.service import service as encounters
from bedside.fhir.declaration import Service
from bedside.fhir.outcome import Refused
from bedside.fhir.rest.testing import served
from bedside.fhir.search.criteria import Criterion, Statement
from bedside.fhir.search.parameters import parameters
from bedside.fhir.search.purview import UNCONFINED
from bedside.fhir.search.query import parse
from bedside.fhir.search.testing import Shelf, shelf
from bedside.fhir.store.testing import fresh_database
from bedside.patients.service import service as patients

pytestmark = pytest.mark.slow

DATABASES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)]
AT_ONCE = 60
VALUES = (
    "", " ", ",", ",,a", "\\", "\\,", "\x00", "a\x00b", "\n", "'", "\"'--", "' OR 1=1; DROP TABLE version; --", "%",
    "_%", "\U0001f9ec\U0001f468\u200d\u2695\ufe0f", "\u202eabc", "\u05d0\u05d1", "a\u0301", "\ud800", "\ufffe",
    "x" * 5000, "1" * 400, "$", "$$$", "|", "|||", "a|", "|a", "http://x|y|z", "-1", "-0", "1e400", "-1e400", "1e-400",
    "NaN", "Infinity", "9" * 30, "0.1|http://unitsofmeasure.org|mg", "1||", "gt", "zz5", "ne1e9", "ap0", "lt-1e307",
    "true", "null", "0", "2020-02-30", "9999-12-31T23:59:60Z", "0001", "-2020", "gt9999", "ap0001-01-01",
    "2020-01-01T25:00", "Patient/p1", "Patient/" + "a" * 65, "Xyzzy/1", "http://x/Patient/p1", "urn:uuid:x",
    "eq", "../../etc", "a$b", "a$1e400$c", "a|b$gt5|c|d", "${x}", "{{7*7}}", "%s%d%n", "a" + ",b" * 1200,
)  # fmt: skip
MODIFIERS = (
    ":missing", ":exact", ":contains", ":text", ":not", ":in", ":not-in", ":above", ":below", ":identifier", ":of-type",
    ":Patient", ":xyzzy", ":", "::", ":missing:exact", ".a", ".", ":Patient.name", ":Patient.", "._id", "\x00",
)  # fmt: skip
MODIFIED = ("true", "http://x|%")


def questions(service: Service) -> Iterator[tuple[str, str, str]]:
    """Type, name and value."""
    for type_name in sorted(service.types):
        for code in sorted(parameters(type_name)):
            yield from ((type_name, code, value) for value in VALUES)
            yield from ((type_name, code + modifier, value) for modifier in MODIFIERS for value in MODIFIED)


@cache
def understood(service: Service) -> tuple[Criterion, ...]:
    """What is not refused; a refusal is a 400 that does not repeat the value."""
    found: list[Criterion] = []
    wrong: list[tuple[str, str, str]] = []
    for type_name, name, value in questions(service):
        try:
            found += parse(type_name, [(name, value)]).criteria
        except Refused as refused:
            repeats = len(value) > 12 and any(value in issue.text for issue in refused.issues)
            if refused.status != 400 or not refused.issues or repeats:
                wrong.append((type_name, name, value))
    assert wrong == []
    return tuple(found)


async def put_to(stored: Shelf, criteria: Sequence[Criterion]) -> None:
    statement = Statement(stored.database.dialect, snapshot=None, purview=UNCONFINED)
    asked = [f"sum(CASE WHEN {criterion.test(statement, 'v')} THEN 1 ELSE 0 END)" for criterion in criteria]
    await stored.database.fetch(f"SELECT {', '.join(asked)} FROM version v", *statement.arguments)
    statement = Statement(stored.database.dialect, snapshot=None, purview=UNCONFINED)
    sets = [rows for criterion in criteria if (rows := criterion.rows(statement)) is not None]
    counted = [f"(SELECT count(*) FROM ({rows}) e)" for rows in sets]
    if counted:
        await stored.database.fetch(f"SELECT {', '.join(counted)}", *statement.arguments)


@pytest.mark.parametrize("service", [patients, encounters], ids=lambda service: service.name)
@pytest.mark.parametrize("dialect", DATABASES)
async def test_no_value_of_any_parameter_breaks_a_database(dialect: str, service: Service, tmp_path: Path) -> None:
    every = understood(service)
    assert len(every) > 2000
    async with shelf(dialect, tmp_path) as stored:
        await stored.put({"resourceType": "Patient", "id": "p1", "name": [{"family": "%"}]})
        for start in range(0, len(every), AT_ONCE):
            await put_to(stored, every[start : start + AT_ONCE])


@pytest.mark.parametrize("dialect", DATABASES)
async def test_no_address_breaks_a_server(dialect: str, tmp_path: Path) -> None:
    """The same values, percent-encoded byte by byte as they are, lone surrogates and all, on their whole way."""
    names = ("name", "birthdate", "identifier", "general-practitioner", "_id", "_sort", "_include", "_elements",
             "_page", "_type", "_has:Group:member:code")  # fmt: skip
    async with fresh_database(dialect, tmp_path) as database, served(patients, database) as server:
        for value in VALUES:
            sent = quote(value.encode("utf-8", "surrogatepass"), safe="")
            for name in names:
                for address in (f"/fhir/Patient?{name}={sent}", f"/fhir?{name}={sent}"):
                    assert_is_answered(await server.http.get(address), name)
            assert_is_answered(await server.http.get(f"/fhir/Patient?{sent}=1"), value)
            assert_is_answered(await server.http.get(f"/fhir/Patient/p1/Coverage?{sent}"), value)


def assert_is_answered(response: httpx.Response, asked: str) -> None:
    kinds = {200: "Bundle", 400: "OperationOutcome"}
    assert response.json()["resourceType"] == kinds.get(response.status_code), (asked, response.status_code)
