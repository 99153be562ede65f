"""`bedside users`: who may sign in and as what, from the shell. Works on auth's database; running services hear of it.

Above all for the first administrator: afterwards the console, or the hospital's own directory by SCIM, is the better
place. The rules are theirs too, and the access log says that it was the shell.
"""

from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime

from rich.console import Console
from rich.table import Table
from sqlmodel import Session

from bedside.auth.authority import Authority
from bedside.auth.directory import (
    Actor,
    Details,
    DirectoryRefused,
    administering,
    create_user,
    deactivate,
    find_users,
    grant_proxy,
    grant_role,
    link_kind,
    make_password_link,
    reactivate,
    roles_of,
    user_named,
    withdraw_proxy,
    withdraw_role,
)
from bedside.auth.endpoints.password import link_to
from bedside.auth.installation import Installation
from bedside.auth.tables import User
from bedside.cli.failure import Failure
from bedside.service.settings import Settings

LISTED_MAX = 200
_SHELL = Actor.operator()
_GOOD_FOR = {"invitation": "3 days", "reset": "15 minutes"}


@dataclass(frozen=True)
class Person:
    """One somebody by name, in an open unit of work."""

    authority: Authority
    session: Session
    user: User


def show(settings: Settings, text: str) -> None:
    with closing(_authority(settings)) as authority, authority.units.reading() as session:
        found = find_users(session, text, count=LISTED_MAX)
        now = authority.clock.now()
        table = Table("username", "name", "roles", "record", "", box=None)
        for user in found.users:
            roles = ", ".join(roles_of(session, user, now=now))
            table.add_row(user.username, user.name, roles, user.fhir_user or "", "" if user.active else "disabled")
    console = Console()
    console.print(table)
    if found.total > len(found.users):
        console.print(f"{found.total - len(found.users)} more: name a part of who is looked for")


def create(settings: Settings, details: Details, roles: Collection[str]) -> None:
    """Prints the link by which the person chooses a password. Raises Failure for what the directory refuses."""
    with _administering(settings) as (authority, session):
        user = create_user(authority, session, _SHELL, details, roles=roles)
        session.flush()
        link = _link(Person(authority, session, user))
    print(link)


def link(settings: Settings, username: str) -> None:
    """Prints a new link; links made before are good no longer."""
    with _person(settings, username) as person:
        made = _link(person)
    print(made)


def grant(settings: Settings, username: str, role: str, *, until: datetime | None) -> None:
    with _person(settings, username) as person:
        grant_role(person.authority, person.session, _SHELL, person.user, role, until=_day(settings, until))


def withdraw(settings: Settings, username: str, role: str) -> None:
    with _person(settings, username) as person:
        withdraw_role(person.authority, person.session, _SHELL, person.user, role)


def disable(settings: Settings, username: str) -> None:
    with _person(settings, username) as person:
        deactivate(person.authority, person.session, _SHELL, person.user)


def enable(settings: Settings, username: str) -> None:
    with _person(settings, username) as person:
        reactivate(person.authority, person.session, _SHELL, person.user)


def act_for(
    settings: Settings, username: str, patient: str, *, until: datetime | None, consent: str | None, ends: bool
) -> None:
    """`patient` and `consent` are logical ids. `ends`: the person acts for the patient no longer."""
    with _person(settings, username) as person:
        of = (person.authority, person.session, _SHELL, person.user, patient)
        if ends:
            withdraw_proxy(*of)
        else:
            grant_proxy(*of, until=_day(settings, until), consent=consent)


def _link(person: Person) -> str:
    kind = link_kind(person.user)
    secret = make_password_link(person.authority, person.session, _SHELL, person.user)
    return (
        f"{person.user.username} chooses a password here; the link is good once, for {_GOOD_FOR[kind]}:\n"
        f"{link_to(person.authority, secret)}"
    )


@contextmanager
def _person(settings: Settings, username: str) -> Iterator[Person]:
    with _administering(settings) as (authority, session):
        user = user_named(session, username)
        if user is None:
            raise Failure("there is nobody of that username: `bedside users list` shows them")
        yield Person(authority, session, user)


@contextmanager
def _administering(settings: Settings) -> Iterator[tuple[Authority, Session]]:
    try:
        with closing(_authority(settings)) as authority, administering(authority, _SHELL) as session:
            yield authority, session
    except DirectoryRefused as refused:
        raise Failure(refused.sentence) from refused


def _authority(settings: Settings) -> Authority:
    return Authority.opened(Installation.of(settings))


def _day(settings: Settings, day: datetime | None) -> datetime | None:
    """The beginning of that day where the hospital is."""
    return day.replace(tzinfo=settings.zone) if day is not None else None
