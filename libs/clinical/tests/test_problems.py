"""R9."""

from bedside.clinical.problems import active_problems, inactive_problems
from bedside.clinical.testing import MOMENT, coded, problem


def test_one_code_is_one_row_the_latest_with_the_earliest_onset() -> None:
    records = [
        problem("old", onsetDateTime="2008", recordedDate="2008-06-02"),
        problem("new", onsetDateTime="2019-05-01", recordedDate="2019-05-01"),
    ]
    found = active_problems(records, MOMENT, whole=True)
    assert [(item.id, item.since) for item in found.items or []] == [("new", "2008")]


def test_of_two_recorded_on_one_day_the_lowest_id_is_kept() -> None:
    records = [problem("b", recordedDate="2019"), problem("a", recordedDate="2019")]
    assert [item.id for item in active_problems(records, MOMENT, whole=True).items or []] == ["a"]


def test_problems_stand_by_onset_those_without_last() -> None:
    records = [
        problem("a", "1"),
        problem("b", "2", onsetDateTime="2011-03-02"),
        problem("c", "3", onsetDateTime="2011-03"),
        problem("d", "4", onsetDateTime="1999"),
    ]
    assert [item.id for item in active_problems(records, MOMENT, whole=True).items or []] == ["d", "c", "b", "a"]


def test_diagnoses_of_a_single_encounter_are_no_problems() -> None:
    found = active_problems([problem("a", category=[coded("encounter-diagnosis")])], MOMENT, whole=True)
    assert (found.answer, found.items) == ("none-recorded", [])


def test_none_known_is_said_and_not_listed() -> None:
    assert active_problems([problem("a", "160245001")], MOMENT, whole=True).answer == "none-known"


def test_none_known_is_not_said_of_a_part() -> None:
    assert active_problems([problem("a", "160245001")], MOMENT, whole=False).answer == "unknown"


def test_a_remission_is_past() -> None:
    record = problem("a", clinicalStatus=coded("remission"), abatementDateTime="2020")
    assert active_problems([record], MOMENT, whole=True).items == []
    assert [item.ended for item in inactive_problems([record], MOMENT, whole=True).items or []] == ["2020"]
