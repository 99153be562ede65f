"""Every primitive has the lexical form that R4 gives its type."""

from decimal import Decimal
from typing import Any

import pytest

from bedside.fhir.definitions import definitions
from bedside.fhir.validation import validate
from bedside.fhir.validation.primitives import PRIMITIVES

ACCEPTED: dict[str, list[Any]] = {
    "base64Binary": ["QQ==", "QUI=", "QUJD", "QUJD QUJD", "QUJD\r\nQUJD", "+/+/"],
    "boolean": [True, False],
    "canonical": ["http://a.org/b|1.0", "#c"],
    "code": ["a", "a b", "text/plain", "\u00e9", "a\u00a0b"],
    "date": ["1980", "1980-02", "1980-02-29", "2000-02-29", "0001-01-01", "9999-12-31"],
    "dateTime": [
        "1980",
        "1980-02",
        "1980-02-28",
        "1980-02-28T10:00:00Z",
        "1980-02-28T10:00:00.123456789+14:00",
        "2016-12-31T23:59:60Z",
        "1980-02-28T00:00:00-00:00",
    ],
    "decimal": [1, 0, -1, Decimal("1.50"), Decimal("1E+2"), 1.5],
    "id": ["a", "A-1.b", "x" * 64],
    "instant": ["2015-02-07T13:28:17.239+02:00", "2015-02-07T13:28:17Z"],
    "integer": [0, -1, 2**31 - 1, -(2**31)],
    "markdown": ["# a\n\n* b", "  x"],
    "oid": ["urn:oid:1.2.3", "urn:oid:2.16.840.1.113883"],
    "positiveInt": [1, 2**31 - 1],
    "string": ["a", " a ", "a\tb\r\nc", "\u00a0", "\U0001f600", "\u05d0", "x" * 1024 * 1024],
    "time": ["00:00:00", "23:59:59.999", "23:59:60"],
    "unsignedInt": [0, 1],
    "uri": ["http://a.org/\u00e9", "urn:oid:1.2", "a", "http://a.org/a%20b"],
    "url": ["https://a.org", "mailto:a@b.c"],
    "uuid": ["urn:uuid:c757873d-ec9a-4326-a141-556f43239520"],
}

REFUSED: dict[str, list[Any]] = {
    "base64Binary": ["QQ", "Q", "Q===", "====", "QQ==QQ==", "QUJ", "a-b_", "\u00e9\u00e9\u00e9\u00e9", " ", "!!!!", 1],
    "boolean": ["true", "True", 1, 0],
    "canonical": ["a b", " http://a"],
    "code": [" en", "en ", "a  b", "a\tb", "a\nb", " ", "a\x00b", 1, True],
    "date": [
        "1980-13-01",
        "1980-1-1",
        "1980-02-30",
        "1981-02-29",
        "1900-02-29",
        "1980-04-31",
        "1980-00-01",
        "1980-01-00",
        "1980-02-28T10:00:00Z",
        "0000",
        "80",
        "19800101",
        "1980-W01-1",
        "28/02/1980",
        "1980-02-28\n",
        "\u0661\u0669\u0668\u0660",
        1980,
        True,
    ],
    "dateTime": [
        "1980-02-28T10:00:00",
        "1980-02-28T10:00Z",
        "1980-02-28T10Z",
        "1980-02-28 10:00:00Z",
        "1980-02-30T10:00:00Z",
        "1980-02-28T24:00:00Z",
        "1980-02-28T10:60:00Z",
        "1980-02-28T10:00:00+15:00",
        "1980-02-28T10:00:00z",
        "1980-02-28T10:00:00.Z",
        1980,
    ],
    "decimal": ["1.0", True, float("nan"), float("inf")],
    "id": ["a_b", "x" * 65, "a b", "\u00e9", "a/b", "a\n", 1],
    "instant": ["2015-02-07", "2015-02-07T13:28:17", "2015-02-07T13:28Z", "2015-02-30T13:28:17Z"],
    "integer": [1.5, Decimal("1.0"), Decimal("-0"), "1", True, 2**31, -(2**31) - 1],
    "markdown": ["a\x00", 1],
    "oid": ["1.2.3", "urn:oid:3.1", "urn:oid:1.02"],
    "positiveInt": [0, -1, "1", True, Decimal("1")],
    "string": ["a\x00", "a\x08b", "\x1f", "x" * (1024 * 1024 + 1), 1, True],
    "time": ["24:00:00", "10:00", "10:00:00Z", "T10:00:00"],
    "unsignedInt": [-1, Decimal("0.5"), "0"],
    "uri": ["a b", " ", "http://a\n", "http://a.org/\x7f\x01", 1],
    "url": ["a b"],
    "uuid": ["urn:uuid:x", "c757873d-ec9a-4326-a141-556f43239520", "urn:uuid:C757873D-EC9A-4326-A141-556F43239520"],
}


def test_every_primitive_type_of_r4_has_a_check() -> None:
    known = definitions()
    primitive = {name for name in known.type_names if known.type(name).kind == "primitive-type"}
    assert primitive - {"xhtml"} == set(ACCEPTED) == set(REFUSED)


def spelt(value: Any) -> str:
    return ascii(value)[:40]


@pytest.mark.parametrize(
    ("type_name", "value"), [(name, value) for name, values in ACCEPTED.items() for value in values], ids=spelt
)
def test_a_value_of_the_type_is_accepted(type_name: str, value: Any) -> None:
    assert PRIMITIVES[type_name](value, {}, {}) is None


@pytest.mark.parametrize(
    ("type_name", "value"), [(name, value) for name, values in REFUSED.items() for value in values], ids=spelt
)
def test_another_value_is_refused(type_name: str, value: Any) -> None:
    found = PRIMITIVES[type_name](value, {}, {})
    assert found is not None
    assert [problem.code for problem in found] == ["value"]


@pytest.mark.parametrize("value", [None, [], {}, ["a"]], ids=spelt)
@pytest.mark.parametrize("type_name", ACCEPTED)
def test_what_is_no_single_value_is_a_matter_of_structure(type_name: str, value: Any) -> None:
    found = PRIMITIVES[type_name](value, {}, {})
    assert found is not None
    assert [problem.code for problem in found] == ["structure"]


def test_the_id_of_a_resource_has_the_form_of_an_id() -> None:
    [issue] = validate({"resourceType": "Patient", "id": "a_b"})
    assert (issue.at, issue.code) == ("Patient.id", "value")
