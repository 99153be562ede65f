"""`bedside users`, as an operator types it, on a database of its own."""

import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bedside.auth.authority import Authority
from bedside.auth.directory import label_rights_of, patients_of, roles_of, user_named
from bedside.auth.installation import Installation
from bedside.cli.main import app
from bedside.cli.migrate import migrate_all
from bedside.service.settings import Settings


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An installation outside the demo, where nobody has an account."""
    monkeypatch.setenv("BEDSIDE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("BEDSIDE_TIME_ZONE", "Europe/London")
    for name in ("BEDSIDE_DEMO", "BEDSIDE_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    settings = Settings()
    migrate_all(settings, ("auth",))
    return settings


def typed(*words: str, status: int = 0) -> str:
    ran = CliRunner().invoke(app, ["users", *words], env={"COLUMNS": "160"})
    assert ran.exit_code == status, ran.output
    return ran.output


def standing(settings: Settings, username: str) -> dict[str, Any]:
    authority = Authority.opened(Installation.of(settings))
    now = authority.clock.now()
    with authority.units.reading() as session:
        user = user_named(session, username)
        assert user is not None
        proxies = [(grant.patient, grant.consent) for grant in patients_of(session, user, now=now)]
        shown = {"active": user.active, "roles": roles_of(session, user, now=now), "acts for": proxies}
        assert label_rights_of(session, user, now=now) == []
    authority.close()
    return shown


def test_the_first_administrator_is_made_and_invited_by_a_link(settings: Settings) -> None:
    said = typed("create", "Robin", "--name", "Robin Lang", "--role", "admin")
    assert re.search(r"^http://127\.0\.0\.1:\d+/password\?link=[\w-]{43}$", said, re.MULTILINE), said
    assert "good once, for 3 days" in said
    assert standing(settings, "robin") == {"active": True, "roles": ["admin"], "acts for": []}
    assert re.search(r"robin +Robin Lang +admin", typed("list"))


def test_the_doctor_misses_an_administrator_and_says_how_to_make_one(settings: Settings) -> None:
    said = CliRunner().invoke(app, ["doctor"])
    assert "WRONG  nobody is an administrator: `bedside users create" in said.output
    typed("create", "robin", "--name", "Robin Lang", "--role", "admin")
    assert "ok     administrators: 1" in CliRunner().invoke(app, ["doctor"]).output


def test_the_last_administrator_stays_for_the_shell_too(settings: Settings) -> None:
    typed("create", "robin", "--name", "Robin Lang", "--role", "admin")
    for words in (("disable", "robin"), ("withdraw", "robin", "admin")):
        assert "nobody who is an administrator" in typed(*words, status=1)
    assert standing(settings, "robin") == {"active": True, "roles": ["admin"], "acts for": []}


def test_roles_are_given_for_a_time_and_taken_away(settings: Settings) -> None:
    typed("create", "soo", "--name", "Soo-Jin Kim", "--role", "nurse", "--record", "Practitioner/nurse-kim")
    typed("grant", "soo", "coordinator", "--until", "2099-01-01")
    assert standing(settings, "soo")["roles"] == ["coordinator", "nurse"]
    typed("withdraw", "soo", "nurse")
    assert standing(settings, "soo")["roles"] == ["coordinator"]
    assert "has ended already" in typed("grant", "soo", "nurse", "--until", "2001-01-01", status=1)


def test_who_is_disabled_is_shown_so_and_may_be_enabled(settings: Settings) -> None:
    typed("create", "soo", "--name", "Soo-Jin Kim")
    typed("disable", "soo")
    assert "disabled" in typed("list", "kim")
    assert "enable them first" in typed("link", "soo", status=1)
    typed("enable", "SOO ")
    assert standing(settings, "soo")["active"]
    assert "/password?link=" in typed("link", "soo")


def test_a_proxy_acts_for_a_patient_by_a_consent_until_it_is_said_otherwise(settings: Settings) -> None:
    typed("create", "ada", "--name", "Ada Okafor", "--role", "proxy")
    typed("act-for", "ada", "p1", "--consent", "c1", "--until", "2099-01-01")
    assert standing(settings, "ada")["acts for"] == [("p1", "c1")]
    typed("act-for", "ada", "p1", "--ends")
    assert standing(settings, "ada")["acts for"] == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("create", "robin", "--name", "Other"), "There is somebody with that username already."),
        (("create", "x", "--name", "X", "--role", "king"), "There is no such role."),
        (("create", "x", "--name", "X", "--record", "Doctor/x"), "The record must be named like"),
        (("create", " ", "--name", "X"), "The username is empty."),
        (("link", "nobody"), "there is nobody of that username"),
        (("act-for", "robin", "../p1"), "That is not the id of a record."),
    ],
)
def test_what_is_refused_is_said_in_a_sentence_and_changes_nothing(
    settings: Settings, words: tuple[str, ...], sentence: str
) -> None:
    typed("create", "robin", "--name", "Robin Lang", "--role", "admin")
    before = typed("list")
    assert sentence in typed(*words, status=1)
    assert typed("list") == before
