"""What operators run: Dockerfiles, compose and the workflow, checked by the tools that know them."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from bedside.cli import service_keys

ROOT = Path(__file__).parents[2]
DOCKERFILES = {path.parent.name: path for path in [ROOT / "gateway" / "Dockerfile", *ROOT.glob("core/*/Dockerfile")]}
PORTS = {"gateway": 8000, "patients": 8001, "encounters": 8002, "auth": 8003}


@pytest.mark.parametrize("service", PORTS)
def test_hadolint_finds_nothing_in_the_dockerfile(service: str) -> None:
    found = subprocess.run(["hadolint", DOCKERFILES[service]], capture_output=True, text=True)

    assert found.stdout + found.stderr == ""


def test_the_dockerfiles_are_one_recipe() -> None:
    recipes = {
        path.read_text().replace(service, "NAME").replace(str(PORTS[service]), "PORT") if service != "gateway" else None
        for service, path in DOCKERFILES.items()
    } - {None}
    # The gateway's name is also that of its folder, which every recipe copies.
    gateway = DOCKERFILES["gateway"].read_text().replace("[gateway]", "[auth]").replace('"gateway"', '"auth"')
    auth = DOCKERFILES["auth"].read_text()

    assert len(recipes) == 1
    assert gateway.replace("8000", "8003") == auth


def test_images_run_as_nobody_and_say_whether_they_are_healthy() -> None:
    for service, path in DOCKERFILES.items():
        text = path.read_text()
        assert "\nUSER 65532:65532\n" in text
        assert re.search(rf'HEALTHCHECK .* CMD \["bedside", "healthy", "{service}"\]', text)


def test_compose_accepts_its_file() -> None:
    checked = subprocess.run(
        ["docker-compose", "--env-file", ".env.example", "config", "-q"], cwd=ROOT, capture_output=True, text=True
    )

    assert checked.returncode == 0, checked.stderr


_PASSWORDS = dict.fromkeys(("BEDSIDE_DB_PASSWORD", "BEDSIDE_BROKER_PASSWORD", "BEDSIDE_SECRET_AUTH_MASTER"), "x")
_KEYS = dict(line.split("=", 1) for line in service_keys.made())
_SECRETS = {f"BEDSIDE_SERVICE_SECRET_{service}": "x" for service in ("GATEWAY", "PATIENTS", "ENCOUNTERS", "AUTH")}


@pytest.mark.parametrize(
    ("given", "accepted"),
    [
        ({}, False),
        (_PASSWORDS, False),
        (_KEYS, False),
        (_PASSWORDS | {name: key for name, key in _KEYS.items() if "PUBLIC" in name}, False),
        (_PASSWORDS | {name: key for name, key in _KEYS.items() if "PATIENTS" not in name}, False),
        (_PASSWORDS | _KEYS, True),
        (_PASSWORDS | _SECRETS, True),
    ],
    ids=["nothing", "no proofs", "no passwords", "public keys only", "one service without", "keys", "secrets"],
)
def test_compose_starts_only_where_every_service_can_prove_itself(given: dict[str, str], accepted: bool) -> None:
    bare = {name: value for name, value in os.environ.items() if not name.startswith("BEDSIDE_")}
    checked = subprocess.run(
        ["docker-compose", "--env-file", "/dev/null", "config", "-q"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=bare | given,
    )

    assert (checked.returncode == 0) is accepted, checked.stderr
    assert accepted or "see .env.example" in checked.stderr


def test_the_core_services_cannot_be_reached_from_outside() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]

    assert {name: "ports" in services[name] for name in ("patients", "encounters", "postgresql", "rabbitmq")} == {
        "patients": False, "encounters": False, "postgresql": False, "rabbitmq": False,
    }  # fmt: skip


def test_what_must_outlive_a_container_lies_on_a_volume_that_its_user_may_write_to() -> None:
    composed = yaml.safe_load((ROOT / "compose.yaml").read_text())

    for service, dockerfile in (
        ("gateway", "gateway"),
        *((name, f"core/{name}") for name in ("auth", "patients", "encounters")),
    ):
        described = composed["services"][service]
        assert described["volumes"] == [f"{service}:{described['environment']['BEDSIDE_DATA_DIR']}"]
        assert service in composed["volumes"]
        assert (
            "RUN mkdir /data && chown 65532:65532 /data\nUSER 65532:65532"
            in (ROOT / dockerfile / "Dockerfile").read_text()
        )


def test_the_workflow_pins_its_actions_and_may_only_read() -> None:
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text()

    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", used) for used in re.findall(r"uses: (\S+)", text))
    assert yaml.safe_load(text)["permissions"] == {"contents": "read"}
