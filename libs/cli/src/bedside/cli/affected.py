"""`bedside affected`: which projects a change can reach, by the workspace's own dependency graph."""

import subprocess
import tomllib
from pathlib import Path

from bedside.cli.failure import Failure

_NONE = ("docs/", "DECISIONS.md", "README.md", "LICENSE", ".gitignore")
_NEW_BRANCH = "0" * 40


def affected(root: Path, base: str) -> list[str]:
    """Project folders, sorted. Whatever belongs to no project (lock, root settings, workflows) reaches all of them.

    A base of forty zeros, as CI gives for a new branch, or one that is not in the clone, reaches all too.
    """
    projects = _projects(root)
    changed = _changed(root, base)
    if changed is None:
        return sorted(projects)
    return reached(changed, projects)


def reached(changed: list[str], projects: dict[str, set[str]]) -> list[str]:
    """`projects`: which projects each one depends on, by folder."""
    touched: set[str] = set()
    for path in changed:
        owner = next((project for project in projects if path.startswith(f"{project}/")), None)
        if path.startswith(_NONE) or path.endswith(".md"):
            continue
        if owner is None:
            return sorted(projects)
        touched.add(owner)
    while more := {project for project, needs in projects.items() if needs & touched} - touched:
        touched |= more
    return sorted(touched)


def _projects(root: Path) -> dict[str, set[str]]:
    workspace = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["uv"]["workspace"]["members"]
    folders = sorted(path.parent for pattern in workspace for path in root.glob(f"{pattern}/pyproject.toml"))
    settings = {folder: tomllib.loads((folder / "pyproject.toml").read_text()) for folder in folders}
    by_name = {found["project"]["name"]: str(folder.relative_to(root)) for folder, found in settings.items()}
    return {
        str(folder.relative_to(root)): {
            by_name[name] for name in found["tool"]["uv"].get("sources", {}) if name in by_name
        }
        for folder, found in settings.items()
    }


def _changed(root: Path, base: str) -> list[str] | None:
    if base in ("", _NEW_BRANCH):
        return None
    if base.startswith("-"):
        raise Failure(f"{base} names no commit")
    known = subprocess.run(["git", "cat-file", "-e", f"{base}^{{commit}}"], cwd=root, capture_output=True)
    if known.returncode != 0:
        return None
    compared = ["git", "diff", "--name-only", "-z", "--no-renames", f"{base}...HEAD"]
    listed = subprocess.run(compared, cwd=root, capture_output=True, text=True)
    if listed.returncode != 0:
        return None
    return [path for path in listed.stdout.split("\0") if path]
