"""What others say of our SCIM service: scim2-cli runs scim2-tester against a real server on the loopback."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from socket import create_server

import httpx
import pytest
import uvicorn

from bedside.auth.app import application
from bedside.auth.authority import Authority
from bedside.auth.directory import keep_client

_TESTER_TIMEOUT_S = 120


@contextmanager
def running(authority: Authority) -> Iterator[str]:
    """The address of the server, which stops at the end."""
    with closing(create_server(("127.0.0.1", 0))) as listening:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        moved = replace(authority, installation=replace(authority.installation, issuer=address))
        server = uvicorn.Server(uvicorn.Config(application(moved), log_config=None, lifespan="off"))
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])), daemon=True)
        thread.start()
        try:
            yield address
        finally:
            server.should_exit = True
            thread.join(10)
            assert not thread.is_alive(), "the server did not stop"


@pytest.fixture
def provisioner(authority: Authority) -> tuple[str, str]:
    with authority.units.unit() as session:
        keep_client(
            session,
            "provisioner",
            name="The hospital's directory",
            secret="provisioner-secret",
            grant_types=["client_credentials"],
            scope="users.manage",
            audiences=[authority.installation.fhir_base],
        )
    return "provisioner", "provisioner-secret"


@pytest.mark.slow
def test_scim2_tester_finds_nothing_wrong(authority: Authority, provisioner: tuple[str, str]) -> None:
    with running(authority) as address:
        form = {"grant_type": "client_credentials", "scope": "users.manage"}
        bearer = httpx.post(f"{address}/token", data=form, auth=provisioner).json()["access_token"]
        command = [str(Path(sys.executable).parent / "scim2"), "-u", f"{address}/scim/v2"]
        ran = subprocess.run(
            [*command, "-h", f"Authorization: Bearer {bearer}", "test"],
            capture_output=True,
            text=True,
            timeout=_TESTER_TIMEOUT_S,
            check=False,
            env=os.environ | {"NO_COLOR": "1"},
        )
    verdicts = [
        line.split()[0] for line in ran.stdout.splitlines() if line.startswith(("SUCCESS", "ERROR", "CRITICAL"))
    ]
    failures = "\n".join(line for line in ran.stdout.splitlines() if not line.startswith("SUCCESS"))
    assert ran.returncode == 0, failures + ran.stderr
    print(f"{len(verdicts)} checks of scim2-tester")
    assert verdicts.count("SUCCESS") >= 100, failures
    assert set(verdicts) == {"SUCCESS"}, failures
