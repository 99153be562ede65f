"""R8."""

from typing import Any

import pytest

from bedside.clinical.allergies import NOT_LOADED, allergies
from bedside.clinical.testing import MOMENT, allergy, coded, negation

ALL, DRUG, FOOD = "716186003", "409137002", "429625007"


@pytest.mark.parametrize(
    ("records", "answer", "headline"),
    [
        ([], "not-asked", "Allergies not asked"),
        ([negation(ALL)], "none-known", "No known allergies"),
        ([negation(DRUG)], "none-known-partial", "No known drug allergy (others not asked)"),
        (
            [negation(FOOD, "a"), negation(DRUG, "b")],
            "none-known-partial",
            "No known drug allergy; No known food allergy (others not asked)",
        ),
        ([allergy("a"), negation(ALL)], "listed", "Latex"),
        ([allergy("a", criticality="high"), allergy("b", "Egg")], "listed", "Latex (high risk); Egg"),
        ([allergy("a", clinicalStatus=None)], "listed", "Latex"),
        ([allergy("a", clinicalStatus=coded("resolved"))], "not-asked", "Allergies not asked"),
        ([allergy("a", verificationStatus=coded("refuted"))], "not-asked", "Allergies not asked"),
        ([negation(ALL, verificationStatus=coded("entered-in-error"))], "not-asked", "Allergies not asked"),
        ([{"id": "a"}], "listed", "Unnamed allergy"),
    ],
)
def test_the_answer_and_its_headline(records: list[Any], answer: str, headline: str) -> None:
    found = allergies(records, MOMENT, whole=True)
    assert (found.answer, found.headline) == (answer, headline)


@pytest.mark.parametrize(
    ("records", "headline"),
    [
        ([], NOT_LOADED),
        ([negation(ALL)], NOT_LOADED),
        ([allergy("a", criticality="high")], "ALLERGIES INCOMPLETE - known so far: Latex (high risk)"),
    ],
)
def test_a_part_is_never_none_known(records: list[Any], headline: str) -> None:
    found = allergies(records, MOMENT, whole=False)
    assert (found.status, found.answer, found.headline) == ("partial", "unknown", headline)


@pytest.mark.parametrize(
    ("records", "conflict"),
    [
        ([allergy("a", category=["medication"]), negation(DRUG)], True),
        ([allergy("a", category=["food"]), negation(DRUG)], False),
        ([allergy("a"), negation(ALL)], True),
        ([negation(ALL), negation(DRUG, "m")], False),
    ],
)
def test_a_negation_beside_what_it_denies_is_a_conflict(records: list[Any], conflict: bool) -> None:
    assert allergies(records, MOMENT, whole=True).conflict is conflict


def test_the_most_dangerous_comes_first() -> None:
    severe = [{"severity": "mild"}, {"severity": "severe"}]
    records = [
        allergy("a", "A"),
        allergy("b", "B", criticality="low"),
        allergy("c", "C", criticality="low", reaction=severe),
        allergy("d", "D", criticality="unable-to-assess"),
        allergy("e", "E", criticality="high"),
    ]
    found = allergies(records, MOMENT, whole=True)
    assert [item.substance for item in found.items or []] == ["E", "D", "C", "B", "A"]
