"""A change reaches every project that imports what was changed."""

import ast
from functools import cache
from pathlib import Path

import pytest

from bedside.cli.affected import _projects, reached

ROOT = Path(__file__).parents[2]
PROJECTS = _projects(ROOT)


@cache
def imported_by(project: str) -> set[str]:
    """The projects whose packages this one's sources import, also inside functions."""
    packages = {Path(other).name: other for other in PROJECTS}
    found: set[str] = set()
    for path in (ROOT / project / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            found |= {
                packages[parts[1]] for name in names if (parts := name.split("."))[0] == "bedside" and len(parts) > 1
            }
    return found - {project}


@pytest.mark.parametrize("project", PROJECTS)
def test_a_project_declares_every_project_that_it_imports(project: str) -> None:
    assert imported_by(project) <= PROJECTS[project]


@pytest.mark.parametrize("changed", PROJECTS)
def test_a_changed_project_reaches_all_that_import_it(changed: str) -> None:
    importing = {project for project in PROJECTS if changed in imported_by(project)}

    assert {changed, *importing} <= set(reached([f"{changed}/src/x.py"], PROJECTS))


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["README.md", "docs/performance.md", "libs/fhir/README.md"], []),
        (["requirements.lock"], sorted(PROJECTS)),
        (["pyproject.toml"], sorted(PROJECTS)),
        ([".github/workflows/ci.yml"], sorted(PROJECTS)),
        (["gateway/src/x.py"], ["gateway", "libs/cli"]),
        (["libs/clinical/src/x.py"], ["gateway", "libs/clinical", "libs/cli"]),
    ],
)
def test_what_a_change_reaches(paths: list[str], expected: list[str]) -> None:
    assert sorted(reached(paths, PROJECTS)) == sorted(expected)
