"""The three scripts stand in every project, and are one."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECTS = sorted(
    path.parent for pattern in ("gateway", "core/*", "libs/*") for path in ROOT.glob(f"{pattern}/pyproject.toml")
)
SCRIPTS = ("build.sh", "run.sh", "test.sh")


def test_there_are_ten_projects() -> None:
    assert len(PROJECTS) == 10


def test_every_project_has_the_three_scripts_and_they_are_the_same_bytes() -> None:
    contents = {(project / name).read_bytes() for project in PROJECTS for name in SCRIPTS}

    assert len(contents) == 1


@pytest.mark.parametrize("folder", [ROOT, *PROJECTS], ids=lambda folder: folder.name)
def test_the_scripts_can_be_run(folder: Path) -> None:
    assert all(os.access(folder / name, os.X_OK) for name in SCRIPTS)


def test_shellcheck_finds_nothing() -> None:
    scripts = [*ROOT.glob("*.sh"), *(ROOT / ".ci").iterdir(), PROJECTS[0] / "test.sh"]

    found = subprocess.run(["shellcheck", "-x", *scripts], cwd=ROOT, capture_output=True, text=True)

    assert found.stdout == ""


def test_a_warm_bootstrap_takes_less_than_a_fifth_of_a_second() -> None:
    import time

    subprocess.run(["./build.sh", "--env"], cwd=ROOT, check=True)
    took = []
    for _ in range(3):
        began = time.perf_counter()
        subprocess.run(["./build.sh", "--env"], cwd=ROOT, check=True)
        took.append(time.perf_counter() - began)

    assert min(took) < 0.2
