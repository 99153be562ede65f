"""Who may import whom, and what is installed."""

import re
import subprocess
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", re.MULTILINE)


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def requirements() -> list[tuple[str, Requirement]]:
    found: list[tuple[str, Requirement]] = []
    for path in [ROOT / "pyproject.toml", *ROOT.glob("*/pyproject.toml"), *ROOT.glob("*/*/pyproject.toml")]:
        settings = tomllib.loads(path.read_text())
        groups = [
            settings["project"].get("dependencies", []),
            *settings["project"].get("optional-dependencies", {}).values(),
            *settings.get("dependency-groups", {}).values(),
        ]
        found += [(str(path.relative_to(ROOT)), Requirement(text)) for group in groups for text in group]
    return found


def test_the_layers_hold() -> None:
    checked = subprocess.run(["lint-imports", "--no-logo"], cwd=ROOT, capture_output=True, text=True)

    assert checked.returncode == 0, checked.stdout


def test_the_lock_pins_what_every_project_asks_for() -> None:
    pinned = {
        canonicalize_name(name): Version(version)
        for name, version in PINNED.findall((ROOT / "requirements.lock").read_text())
    }

    missing = [
        f"{path}: {wanted}"
        for path, wanted in requirements()
        if not wanted.name.startswith("bedside-")
        and not (
            (version := pinned.get(canonicalize_name(wanted.name)))
            and wanted.specifier.contains(version, prereleases=True)
        )
    ]

    assert missing == []


def test_everything_in_the_lock_has_a_hash() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    entries = re.split(r"\n(?=[A-Za-z0-9])", lock)

    assert [entry.split("==")[0] for entry in entries if "==" in entry and "--hash=sha256:" not in entry] == []


def test_no_tracked_file_names_a_package_index() -> None:
    hosts = re.compile(
        rb"pypi\.org|pythonhosted\.org|registry\.npmjs\.org|files\.pythonhosted|pypi\.python|/simple/", re.I
    )

    naming = [
        str(path.relative_to(ROOT)) for path in tracked() if path != Path(__file__) and hosts.search(path.read_bytes())
    ]

    assert naming == []


def test_no_tracked_file_holds_a_path_of_the_machine_it_was_written_on() -> None:
    paths = re.compile(rb"(?<![\w.])/(work|root|home/\w+|Users/\w+)/[\w.]")

    holding = [
        str(path.relative_to(ROOT)) for path in tracked() if path != Path(__file__) and paths.search(path.read_bytes())
    ]

    assert holding == []


def test_no_file_bears_a_name_that_says_nothing() -> None:
    nothing = {"utils", "util", "common", "helpers", "helper", "base", "manager", "misc"}

    bearing = [str(path.relative_to(ROOT)) for path in tracked() if path.suffix == ".py" and path.stem in nothing]

    assert bearing == []


def test_no_source_file_is_longer_than_five_hundred_lines() -> None:
    long = [
        str(path.relative_to(ROOT))
        for path in tracked()
        if path.suffix == ".py" and "generated" not in path.parts and path.read_bytes().count(b"\n") > 500
    ]

    assert long == []
