"""What a search refuses, and how it says so."""

import pytest

from bedside.fhir.outcome import Refused
from bedside.fhir.search.query import parse


def refusal(type_name: str, *pairs: tuple[str, str], **options: object) -> tuple[int, list[str]]:
    with pytest.raises(Refused) as refused:
        parse(type_name, pairs, **options)  # type: ignore[arg-type]
    return refused.value.status, [f"{issue.code}: {issue.text}" for issue in refused.value.issues]


@pytest.mark.parametrize(
    ("type_name", "name", "text"),
    [
        ("Patient", "famly", "not-supported: Patient has no search parameter famly; the nearest is family"),
        ("Patient", "birthDate", "not-supported: Patient has no search parameter birthDate; the nearest is birthdate"),
        ("Observation", "xyzzy", "not-supported: Observation has no search parameter xyzzy"),
        (
            "Patient",
            "gender:text",
            "not-supported: Parameter gender has no such modifier here;"
            " it has :above, :below, :in, :missing, :not, :not-in",
        ),
        (
            "Observation",
            "subject:Person",
            "not-supported: Parameter subject has no such modifier here;"
            " it has :Device, :Group, :Location, :Patient, :identifier, :missing",
        ),
        ("Patient", "naïve\x00", "not-supported: Patient has no search parameter (unreadable); the nearest is active"),
    ],
)
def test_an_unknown_parameter_or_modifier_is_named_with_the_nearest_that_is_known(
    type_name: str, name: str, text: str
) -> None:
    status, [said] = refusal(type_name, (name, "x"))
    assert (status, said.partition("; the nearest")[0]) == (400, text.partition("; the nearest")[0])
    if "nearest" in text and "unreadable" not in text:
        assert said == text


HOSTILE = ["", ",", "a,", "\x00", "a\x00b", "\ud800", "x" * 3000, ",".join(["a"] * 1001), "\u202e\n"]


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize(
    ("type_name", "name"),
    [
        ("Patient", "name"),
        ("Patient", "gender"),
        ("Patient", "birthdate"),
        ("Patient", "_id"),
        ("Patient", "_lastUpdated"),
        ("Patient", "organization"),
        ("Observation", "value-quantity"),
        ("Observation", "code-value-quantity"),
        ("RiskAssessment", "probability"),
        ("Questionnaire", "url"),
        ("Observation", "subject:Patient.name"),
        ("Patient", "_has:Observation:patient:code"),
        ("Patient", "gender:missing"),
    ],
)
def test_values_that_cannot_be_are_refused_by_every_type(type_name: str, name: str, value: str) -> None:
    status, issues = refusal(type_name, (name, value))
    assert status == 400
    assert issues


@pytest.mark.parametrize(
    ("type_name", "name", "value"),
    [
        ("Patient", "birthdate", "1980-02-30"),
        ("Patient", "birthdate", "1980-13"),
        ("Patient", "birthdate", "80-01-01"),
        ("Patient", "birthdate", "xx2020"),
        ("Patient", "birthdate", "0000"),
        ("Patient", "birthdate", "2020-01-01T25:00:00Z"),
        ("Patient", "birthdate", "2020-01-01T10:00:00+15:00"),
        ("Patient", "birthdate", "٢٠٢٠"),
        ("RiskAssessment", "probability", "1e400"),
        ("RiskAssessment", "probability", "1e-400"),
        ("RiskAssessment", "probability", "1e999"),
        ("RiskAssessment", "probability", "nan"),
        ("RiskAssessment", "probability", "Infinity"),
        ("RiskAssessment", "probability", "9" * 60),
        ("RiskAssessment", "probability", "gt"),
        ("Observation", "value-quantity", "5|g"),
        ("Observation", "value-quantity", "5|a|b|c"),
        ("Observation", "value-quantity", "|http://unitsofmeasure.org|g"),
        ("Observation", "value-quantity", "1e308|http://unitsofmeasure.org|Tg"),
        ("Observation", "code-value-quantity", "k"),
        ("Observation", "code-value-quantity", "k$"),
        ("Observation", "code-value-quantity", "k$x"),
        ("Observation", "code-value-quantity", "k$1$2"),
        ("Patient", "gender", "a|b|c"),
        ("Patient", "gender", "|"),
        ("Patient", "name", "!?"),
        ("Patient", "name:contains", "x" * 65),
        ("Patient", "name", "x" * 200),
        ("Patient", "_id", "a/b"),
        ("Patient", "_id", "x" * 65),
        ("Patient", "gender:missing", "maybe"),
        ("Patient", "organization", "not a reference"),
        ("Observation", "subject:Patient", "Group/1"),
        ("Observation", "subject:Nonsense", "1"),
        ("Patient", "_count", "-1"),
        ("Patient", "_count", "many"),
        ("Patient", "_count", "²"),
        ("Patient", "_sort", ""),
        ("Patient", "_sort", "nonsense"),
        ("Patient", "_sort", "identifier"),
        ("Patient", "_sort", "organization"),
        ("Patient", "_sort", ",".join(["_id"] * 6)),
        ("Patient", "_total", "some"),
        ("Patient", "_include", "Patient"),
        ("Patient", "_include", "Patient:name"),
        ("Patient", "_include", "Nonsense:subject"),
        ("Patient", "_include", "Patient:organization:Patient"),
        ("Patient", "_revinclude", "Observation:subject:Group"),
        ("Patient", "_include:forever", "Patient:organization"),
        ("Patient", "name.given", "x"),
        ("Patient", "organization:Patient.name", "x"),
        ("Patient", "organization.nonsense", "x"),
        ("Patient", "organization.partof.partof.partof.partof.name", "x"),
        ("Patient", "_has:Observation:patient", "x"),
        ("Patient", "_has:Nonsense:patient:code", "x"),
        ("Patient", "_has:Observation:encounter:code", "x"),
        ("Patient", ".", "x"),
        ("Patient", "", "x"),
        ("Patient", ":", "x"),
    ],
)
def test_a_malformed_value_is_refused(type_name: str, name: str, value: str) -> None:
    assert refusal(type_name, (name, value))[0] == 400


def test_all_problems_are_told_at_once_and_no_value_is_repeated() -> None:
    status, issues = refusal("Patient", ("famly", "Secret"), ("birthdate", "Secret"), ("gender:above", "Secret"))
    assert (status, len(issues)) == (400, 3)
    assert not any("Secret" in issue for issue in issues)


def test_a_parameter_given_twice_that_shapes_the_answer_is_refused() -> None:
    assert refusal("Patient", ("_sort", "name"), ("_sort", "birthdate"))[0] == 400


def test_lenient_leaves_out_what_is_unknown_and_says_so() -> None:
    query = parse("Patient", [("famly", "x"), ("gender", "male"), ("gender:exact", "x")], handling="lenient")
    assert query.applied == (("gender", "male"),)
    assert [issue.severity for issue in query.warnings] == ["warning", "warning"]


def test_lenient_still_refuses_a_value_it_cannot_read() -> None:
    assert refusal("Patient", ("birthdate", "soon"), handling="lenient")[0] == 400


def test_a_chain_into_a_type_of_another_owner_is_refused_as_such() -> None:
    status, [said] = refusal("Observation", ("subject:Patient.name", "x"), owned={"Observation"})
    assert (status, said) == (
        400,
        "not-supported: Parameter subject:Patient.name asks of a type that another service owns",
    )


def test_a_page_holds_twenty_unless_asked_otherwise_and_never_more_than_a_thousand() -> None:
    counts = {value: parse("Patient", [("_count", value)]).count for value in ("1", "1000", "999999999")}
    assert (parse("Patient", []).count, counts) == (20, {"1": 1, "1000": 1000, "999999999": 1000})
