"""The JavaScript clients tell their stories to the running platform; each story that fails is a failed test."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.platform import Platform
from tests.system.access import Access

pytestmark = pytest.mark.servers

_HERE = Path(__file__).parent / "javascript"
_STORY_TIMEOUT_S = 120


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clients as package-lock.json pins them, away from the project's own folders."""
    folder = tmp_path_factory.mktemp("javascript") / "clients"
    shutil.copytree(_HERE, folder)
    subprocess.run([_node() / "npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=folder, check=True, env=_found())
    return folder


@pytest.mark.parametrize("client", ["fhir_kit_client", "medplum"])
def test_a_javascript_client_completes_its_own_job(platform: Platform, installed: Path, client: str) -> None:
    access = Access(platform.demo)
    told = subprocess.run(
        [_node() / "node", installed / f"{client}.mjs"],
        env=_found() | {"FHIR_BASE": platform.demo["fhir"], "FHIR_TOKEN": access.client_token()},
        capture_output=True,
        text=True,
        timeout=_STORY_TIMEOUT_S,
    )
    stories = [json.loads(line) for line in told.stdout.splitlines() if line.startswith("{")]

    assert told.returncode == 0, told.stderr[-2000:]
    assert len(stories) >= 10
    failed = [f"{each['story']}: {each['failed']}" for each in stories if each["failed"]]
    assert not failed, "\n".join(failed)


def _node() -> Path:
    found = os.environ.get("BEDSIDE_TEST_NODE")
    assert found, "BEDSIDE_TEST_NODE is not set: ./test.sh provides it, ./test.sh --fast leaves these tests out"
    return Path(found)


def _found() -> dict[str, str]:
    return {**os.environ, "PATH": f"{_node()}{os.pathsep}{os.environ['PATH']}"}
