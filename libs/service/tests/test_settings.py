"""What the environment says, and what it may not say."""

import stat
from pathlib import Path

import pytest
from pydantic import ValidationError

from bedside.identity import ServiceKey
from bedside.service import ServiceName, Settings


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in [name for name in os.environ if name.startswith("BEDSIDE_")]:
        monkeypatch.delenv(name)


def test_without_an_environment_four_services_share_this_machine() -> None:
    settings = Settings()

    assert [settings.address(name) for name in ("gateway", "patients", "encounters", "auth")] == [
        "http://127.0.0.1:8000",
        "http://127.0.0.1:8001",
        "http://127.0.0.1:8002",
        "http://127.0.0.1:8003",
    ]
    assert settings.fhir_base == "http://127.0.0.1:8000/fhir"
    assert settings.issuer == "http://127.0.0.1:8003"


def test_a_service_may_be_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEDSIDE_AUTH_URL", "http://auth:8003/")
    monkeypatch.setenv("BEDSIDE_ISSUER", "https://sign-in.example.org")

    assert Settings().address("auth") == "http://auth:8003"
    assert Settings().issuer == "https://sign-in.example.org"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u:p@db:5432/bedside", "postgresql://u:p@db:5432/bedside_patients"),
        ("postgresql://u@db", "postgresql://u@db/bedside_patients"),
        ("postgresql://u@db/postgres", "postgresql://u@db/bedside_patients"),
        ("postgresql://u@db/test7?sslmode=require", "postgresql://u@db/test7_patients?sslmode=require"),
    ],
)
def test_each_service_has_a_database_of_its_own_on_the_server(
    monkeypatch: pytest.MonkeyPatch, url: str, expected: str
) -> None:
    monkeypatch.setenv("BEDSIDE_DATABASE_URL", url)

    assert Settings().database_url("patients") == expected


def test_without_a_server_each_service_has_a_file(tmp_path: Path) -> None:
    assert Settings(data_dir=tmp_path).database_url("auth") == f"sqlite:///{tmp_path}/auth.db"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BEDSIDE_DATABASE_URL", "postgresql://db.hospital.example/x"),
        ("BEDSIDE_BROKER_URL", "amqp://broker.hospital.example/"),
        ("BEDSIDE_HOST", "0.0.0.0"),
        ("BEDSIDE_GATEWAY_URL", "https://bedside.hospital.example"),
        ("BEDSIDE_FHIR_BASE", "https://fhir.hospital.example/fhir"),
    ],
)
def test_test_mode_refuses_to_stand_beside_production_settings(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv("BEDSIDE_TEST_MODE", "1")
    monkeypatch.setenv(name, value)

    with pytest.raises(ValidationError, match="refusing to start"):
        Settings()


def test_a_fixed_clock_needs_test_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEDSIDE_CLOCK", "2026-06-15T10:00:00+01:00")

    with pytest.raises(ValidationError, match="BEDSIDE_TEST_MODE=1"):
        Settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BEDSIDE_PORT", "0"),
        ("BEDSIDE_PORT", "65533"),
        ("BEDSIDE_PORT", "http"),
        ("BEDSIDE_TIME_ZONE", "Mars/Olympus"),
        ("BEDSIDE_LOG_LEVEL", "loud"),
        ("BEDSIDE_BODY_MAX_MB", "0"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(ValidationError):
        Settings()


def test_a_secret_is_made_once_and_closed_to_others(tmp_path: Path) -> None:
    first = Settings(data_dir=tmp_path).kept_secret("demo-nurse")
    kept = tmp_path / "keys" / "demo-nurse.secret"

    assert Settings(data_dir=tmp_path).kept_secret("demo-nurse") == first
    assert len(first) >= 32
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700


def test_secrets_come_from_the_environment_where_it_has_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    monkeypatch.setenv("BEDSIDE_SERVICE_SECRET", "shared")
    monkeypatch.setenv("BEDSIDE_SERVICE_SECRET_GATEWAY", "own")
    monkeypatch.setenv("BEDSIDE_SECRET_AUTH_MASTER", "master")

    assert settings.service_proof("gateway") == "own"
    assert settings.service_proof("patients") not in ("shared", settings.service_proof("encounters"))
    assert settings.service_public_keys("gateway") is None
    assert settings.kept_secret("auth-master") == "master"
    assert not (tmp_path / "keys").exists()


def test_without_anything_given_a_service_proves_itself_by_a_key_that_is_made_once_and_closed_to_others(
    tmp_path: Path,
) -> None:
    key = proof(Settings(data_dir=tmp_path), "patients")
    kept = tmp_path / "keys" / "service-patients.key"

    assert proof(Settings(data_dir=tmp_path), "patients").public == key.public
    assert Settings(data_dir=tmp_path).service_public_keys("patients") == key.public
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert [path.name for path in kept.parent.iterdir()] == ["service-patients.key"]


def test_a_key_that_is_given_goes_before_a_secret_that_still_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    key = ServiceKey.generated()
    monkeypatch.setenv("BEDSIDE_SERVICE_SECRET_GATEWAY", "own")
    monkeypatch.setenv("BEDSIDE_SERVICE_KEY_GATEWAY", key.line)

    assert proof(Settings(data_dir=tmp_path), "gateway").public == key.public
    assert Settings(data_dir=tmp_path).service_public_keys("gateway") == key.public
    assert not (tmp_path / "keys").exists()


def test_auth_is_given_public_halves_and_no_more(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    old, new = ServiceKey.generated(), ServiceKey.generated()
    monkeypatch.setenv("BEDSIDE_SERVICE_PUBLIC_KEY_GATEWAY", f"{old.public_line} {new.public_line}")

    known = Settings(data_dir=tmp_path).service_public_keys("gateway")
    assert known == {"keys": [*old.public["keys"], *new.public["keys"]]}
    assert not (tmp_path / "keys").exists()


@pytest.mark.parametrize("name", ["BEDSIDE_SERVICE_KEY_PATIENTS", "BEDSIDE_SERVICE_PUBLIC_KEY_PATIENTS"])
def test_a_key_that_cannot_be_read_is_refused_by_its_variable_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "change-me-1")

    with pytest.raises(ValidationError, match=name) as refused:
        Settings()
    assert "change-me-1" not in str(refused.value)


def test_what_a_service_seals_by_hangs_on_its_key_and_on_the_purpose(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path)
    sealing = {
        settings.sealing_key("gateway", "pages"),
        settings.sealing_key("gateway", "cookies"),
        settings.sealing_key("patients", "pages"),
    }

    assert {len(key) for key in sealing} == {32}
    assert len(sealing) == 3
    assert Settings(data_dir=tmp_path).sealing_key("gateway", "pages") in sealing
    monkeypatch.setenv("BEDSIDE_SERVICE_SECRET_GATEWAY", "own")
    assert settings.sealing_key("gateway", "pages") not in sealing


def proof(settings: Settings, service: ServiceName) -> ServiceKey:
    found = settings.service_proof(service)
    assert isinstance(found, ServiceKey)
    return found


def test_no_proxy_is_trusted_unless_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().proxies == ()
    monkeypatch.setenv("BEDSIDE_TRUSTED_PROXIES", "10.0.0.0/8, 192.168.1.7, fd00::/8")
    assert [str(network) for network in Settings().proxies] == ["10.0.0.0/8", "192.168.1.7/32", "fd00::/8"]


@pytest.mark.parametrize("named", ["proxy.example", "10.0.0.0/33", "10.0.0.1/8", "*"])
def test_a_proxy_that_is_no_address_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    monkeypatch.setenv("BEDSIDE_TRUSTED_PROXIES", named)
    with pytest.raises(ValidationError, match="trusted_proxies"):
        Settings()
