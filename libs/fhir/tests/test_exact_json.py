"""JSON is kept as it was written, and what cannot be kept exactly is refused."""

import json
from decimal import Decimal

import pytest

from bedside.fhir.exact_json import DEPTH_MAX, Malformed, emit, parse

KEPT = [
    '{"value":105.00}',
    '{"value":1e2}',
    '{"value":1E+2}',
    '{"value":-0.0}',
    '{"value":-0}',
    '{"value":0.00000001}',
    '{"value":1.0e-7}',
    '{"value":100000000000000000000.000000000000000000001}',
    '{"value":9223372036854775807,"less":-9223372036854775808}',
    '{"b":1,"a":[true,false,null,"x"]}',
    '{"face":"\U0001f600","line":"a\\nb\\tc"}',
    '{"slashes":"\\\\u0000 \\\\ud800"}',
    '"plain"',
    "[]",
]


@pytest.mark.parametrize("text", KEPT)
def test_what_was_written_is_written_again(text: str) -> None:
    assert emit(parse(text.encode())).decode() == text


REFUSED = {
    "not a number": '{"value":NaN}',
    "infinity": '{"value":Infinity}',
    "minus infinity": '{"value":-Infinity}',
    "larger than a double": '{"value":1e400}',
    "larger than a double, spelt out": '{"value":' + "1" * 400 + ".0}",
    "smaller than a double": '{"value":1e-400}',
    "larger than any decimal": '{"value":1e99999999999999999999}',
    "an integer of 65 bits": '{"value":9223372036854775808}',
    "a negative integer of 65 bits": '{"value":-9223372036854775809}',
    "an integer of 5000 digits": '{"value":' + "9" * 5000 + "}",
    "a property named twice": '{"a":1,"a":1}',
    "a nested property named twice": '{"x":[{"a":1,"b":2,"a":3}]}',
    "a property named twice, once escaped": '{"a":1,"\\u0061":2}',
    "a lone high surrogate": '{"a":"\\ud800"}',
    "a lone low surrogate": '{"a":"\\uDC00x"}',
    "two high surrogates": '{"a":"\\ud83d\\ud83d"}',
    "a surrogate in a name": '{"\\ud800":1}',
    "an escaped NUL": '{"a":"\\u0000"}',
    "a raw NUL": '{"a":"\x00"}',
    "a raw line feed in a string": '{"a":"\n"}',
    "nothing": "",
    "half an object": '{"a":',
    "two values": "{}{}",
    "a trailing comma": '{"a":1,}',
    "a comment": '{"a":1}// x',
    "a leading zero": '{"a":01}',
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_kept_exactly_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        parse(text.encode())


@pytest.mark.parametrize("body", [b'{"a":"\xff"}', b'{"a":"\xed\xa0\x80"}', '{"a":1}'.encode("utf-16")])
def test_bytes_that_are_not_utf8_are_refused(body: bytes) -> None:
    with pytest.raises(Malformed):
        parse(body)


@pytest.mark.parametrize("depth", [DEPTH_MAX + 1, 1_000, 1_000_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ("[", "")])
def test_deep_nesting_is_refused(depth: int, opening: str, closing: str) -> None:
    inner = '{"a":1}' if opening == "[" else "1"
    with pytest.raises(Malformed):
        parse((opening * depth + inner + closing * depth).encode())


def test_nesting_to_the_bound_is_accepted() -> None:
    assert parse(b"[" * DEPTH_MAX + b"]" * DEPTH_MAX)


def test_brackets_inside_strings_are_not_nesting() -> None:
    value = {"a": "[" * 500 + '\\"' + "{" * 500}
    assert parse(json.dumps(value).encode()) == value


def test_a_byte_order_mark_is_passed_over() -> None:
    assert parse(b'\xef\xbb\xbf{"a":1}') == {"a": 1}


def test_a_malformed_body_is_described_without_repeating_it() -> None:
    with pytest.raises(Malformed) as refusal:
        parse(b'{"name": Smith}')
    assert str(refusal.value) == "not JSON: Expecting value at line 1, column 10"


def test_decimals_compare_as_numbers() -> None:
    assert parse(b'{"a":1e2,"b":100.0}') == {"a": Decimal(100), "b": Decimal(100)}
