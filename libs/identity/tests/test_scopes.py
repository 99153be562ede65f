"""Scopes as sets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.identity import Scopes

_LETTERS = st.sets(st.sampled_from("cruds"), min_size=1).map(lambda held: "".join(i for i in "cruds" if i in held))
_QUERIES = st.sampled_from(
    ["", "?category=a", "?category=a,b", "?category=a&status=x", "?status=x", "?category:not=a", "?category:not=a,b"]
)
_ONE = st.one_of(
    st.builds(
        lambda context, type_name, letters, query: f"{context}/{type_name}.{letters}{query}",
        st.sampled_from(["patient", "user", "system"]),
        st.sampled_from(["*", "Patient", "Observation", "AuditEvent"]),
        _LETTERS,
        _QUERIES,
    ),
    st.sampled_from(["openid", "users.manage", "patient/Observation.sr", "user/patient.r"]),
)
SCOPES = st.lists(_ONE, max_size=4).map(" ".join).map(Scopes.parse)


@given(SCOPES, SCOPES)
def test_an_intersection_is_covered_by_both_and_has_no_order(one: Scopes, other: Scopes) -> None:
    both = one.intersect(other)
    assert one.covers(both)
    assert other.covers(both)
    assert both == other.intersect(one)


@given(SCOPES, SCOPES, SCOPES)
def test_an_intersection_is_all_that_both_cover(one: Scopes, other: Scopes, narrow: Scopes) -> None:
    if one.covers(narrow) and other.covers(narrow):
        assert one.intersect(other).covers(narrow)


@given(SCOPES, SCOPES, SCOPES)
def test_covering_passes_on(one: Scopes, other: Scopes, third: Scopes) -> None:
    if one.covers(other) and other.covers(third):
        assert one.covers(third)


@given(SCOPES)
def test_spelling_out_and_reading_again_changes_nothing(scopes: Scopes) -> None:
    assert Scopes.parse(str(scopes)) == scopes
    assert scopes.intersect(scopes) == scopes
    assert str(scopes.intersect(scopes)) == str(scopes)


@given(SCOPES, SCOPES)
def test_a_bound_narrowed_again_is_the_intersection(asked: Scopes, ceiling: Scopes) -> None:
    assert asked.bounded(ceiling).intersect(ceiling) == asked.intersect(ceiling)


@pytest.mark.parametrize(
    ("wide", "narrow", "covered"),
    [
        ("user/*.rs", "user/Patient.r", True),
        ("user/*.rs", "patient/*.rs", True),
        ("patient/*.rs", "user/Patient.r", False),
        ("system/*.cruds", "user/Patient.r", False),
        ("user/*.cruds", "user/AuditEvent.r", False),
        ("user/AuditEvent.rs", "user/AuditEvent.r", True),
        ("user/Patient.c user/Patient.r", "user/Patient.cr", True),
        ("user/Patient.read", "user/Patient.rs", True),
        ("user/Patient.write", "user/Patient.cud", True),
        ("user/Patient.*", "user/Patient.cruds", True),
        ("user/Observation.rs", "user/Observation.rs?category=vital-signs", True),
        ("user/Observation.rs?category=vital-signs", "user/Observation.rs", False),
        ("user/Observation.rs?category=a,b", "user/Observation.rs?category=a", True),
        ("user/Observation.rs?category=a", "user/Observation.rs?category=b", False),
        ("user/Observation.rs?category:not=a", "user/Observation.rs?category:not=a,b", True),
        ("user/Observation.rs?category:not=a,b", "user/Observation.rs?category:not=a", False),
        ("user/*.rs", "user/Patient.sr", False),
        ("openid", "profile", False),
    ],
)
def test_what_covers_what(wide: str, narrow: str, covered: bool) -> None:
    assert Scopes.parse(wide).covers(Scopes.parse(narrow)) is covered


def test_a_scope_with_a_query_does_not_allow_every_resource() -> None:
    scopes = Scopes.parse("user/Observation.rs?category=vital-signs")
    assert not scopes.allows("r", "Observation")
    assert scopes.constraints("r", "Observation") == (frozenset({("category", frozenset({"vital-signs"}))}),)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "user/*",
        "user/Patient.",
        "x" * 9999,
        "user/P.r?=",
        "\x00",
        "user/Patient.rr",
        "user/Patient.r?name=a\\,b",
    ],
)
def test_what_is_no_scope_permits_nothing(text: str) -> None:
    assert not Scopes.parse(text).contexts
