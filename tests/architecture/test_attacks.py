"""Each of the 75 attacks of the acceptance list is a test that says so by its number."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ATTACKS = range(1, 76)
_NUMBERS = re.compile(r"attack_(\d{1,2})(?:_and_(\d{1,2}))?")


def numbers_of(text: str) -> set[int]:
    return {int(number) for found in _NUMBERS.findall(text) for number in found if number}


def test_every_attack_has_its_test() -> None:
    tests = [path for path in ROOT.glob("**/test_*.py") if ".venv" not in path.parts and path != Path(__file__)]
    tried = set().union(*(numbers_of(path.read_text()) for path in tests))

    assert set(ATTACKS) - tried == set()
    assert tried - set(ATTACKS) == set()


def test_a_test_of_two_attacks_counts_for_both() -> None:
    assert numbers_of("def test_attack_01_and_02_x(): ...; id='attack_06_a'") == {1, 2, 6}
