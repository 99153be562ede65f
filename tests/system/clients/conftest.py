"""The JavaScript clients, installed once, and apps that are registered as their developers would register them."""

import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.platform import Platform
from tests.system.access import Access

_HERE = Path(__file__).parent / "javascript"
_STORY_TIMEOUT_S = 120
Registers = Callable[..., str]


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


@pytest.fixture
def registration_token(platform: Platform) -> str:
    """An administrator's, good for registering anything."""
    return Access(platform.demo).user_token("admin", scope="clients.manage")


@pytest.fixture
def registers(platform: Platform, registration_token: str) -> Registers:
    """Registers a public app of others for these redirect URIs and this scope; its client id."""

    def register(*redirect_uris: str, scope: str) -> str:
        app: dict[str, Any] = {
            "client_name": f"Growth chart {secrets.token_hex(3)}",
            "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "refresh_token"],
            "redirect_uris": redirect_uris,
            "scope": scope,
            "audiences": [platform.demo["fhir"]],
        }
        answer = httpx.post(
            f"{platform.demo['auth']}/register", json=app, headers={"Authorization": f"Bearer {registration_token}"}
        )
        assert answer.status_code == 201, answer.text
        client_id: str = answer.json()["client_id"]
        return client_id

    return register


def found(node: Path) -> dict[str, str]:
    return {**os.environ, "PATH": f"{node}{os.pathsep}{os.environ['PATH']}"}
