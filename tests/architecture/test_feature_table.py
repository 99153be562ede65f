"""docs/fhir.md says of each feature of R4 whether it works, and by which test that is known."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "docs/fhir.md"
_TEST = re.compile(r"`(test_\w+)\.py::(test_\w+)`")
STATES = ("works", "refused")


def rows() -> list[tuple[str, str, str]]:
    """(feature, state, how it is known) of every row below a head that begins so."""
    found: list[tuple[str, str, str]] = []
    for line in TABLE.read_text().splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == 3 and cells[1].split(":")[0] in STATES:
            found.append((cells[0], cells[1], cells[2]))
    return found


@cache
def functions() -> dict[str, set[str]]:
    """By file name without its ending, the test functions of all files of that name."""
    found: dict[str, set[str]] = {}
    for path in ROOT.glob("**/test_*.py"):
        if ".venv" not in path.parts:
            names = {node.name for node in ast.walk(ast.parse(path.read_text())) if _is_test(node)}
            found.setdefault(path.stem, set()).update(names)
    return found


def _is_test(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")


def test_the_table_speaks_of_all_of_rest_and_search() -> None:
    assert len(rows()) > 80


@pytest.mark.parametrize(("feature", "state", "known"), rows(), ids=[feature for feature, _, _ in rows()])
def test_each_feature_names_the_tests_that_show_it(feature: str, state: str, known: str) -> None:
    named = _TEST.findall(known)
    missing = [f"{file}.py::{name}" for file, name in named if name not in functions().get(file, ())]

    assert named, f"{feature} ({state}) names no test"
    assert not missing
