"""The JavaScript clients, installed once."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

_HERE = Path(__file__).parent / "javascript"
_STORY_TIMEOUT_S = 120


@dataclass(frozen=True)
class Installed:
    """The clients as package-lock.json pins them, away from the project's own folders."""

    folder: Path
    node: Path

    def told(self, client: str, **surroundings: str) -> dict[str, str | None]:
        """What each story of a client ended with: None where it went well. `surroundings` is its environment."""
        done = subprocess.run(
            [self.node / "node", self.folder / f"{client}.mjs"],
            env=found(self.node) | surroundings,
            capture_output=True,
            text=True,
            timeout=_STORY_TIMEOUT_S,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        stories = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        return {each["story"]: each["failed"] for each in stories}


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    named = os.environ.get("BEDSIDE_TEST_NODE")
    assert named, "BEDSIDE_TEST_NODE is not set: ./test.sh provides it, ./test.sh --fast leaves these tests out"
    node = Path(named)
    folder = tmp_path_factory.mktemp("javascript") / "clients"
    shutil.copytree(_HERE, folder)
    subprocess.run(
        [node / "npm", "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"],
        cwd=folder,
        check=True,
        env=found(node),
    )
    return Installed(folder, node)


def found(node: Path) -> dict[str, str]:
    return {**os.environ, "PATH": f"{node}{os.pathsep}{os.environ['PATH']}"}
