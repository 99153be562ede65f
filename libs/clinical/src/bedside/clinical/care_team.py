"""R18: who looks after the patient."""

from collections.abc import Iterable

from bedside.clinical.concepts import first_name
from bedside.clinical.directory import Directory, type_of
from bedside.clinical.resources import CareTeam
from bedside.clinical.shown import Shown, Status

_PROFESSIONALS = {"Practitioner", "PractitionerRole", "Organization"}


class TeamMember(Shown):
    name: str | None
    role: str | None
    phone: str | None


class Team(Shown):
    status: Status
    items: list[TeamMember] | None


UNAVAILABLE = Team(status="unavailable", items=None)


def care_team(teams: Iterable[CareTeam], directory: Directory, *, whole: bool) -> Team:
    """Members keep the order of their team; teams stand by id."""
    active = sorted((team for team in teams if team.get("status") == "active"), key=lambda team: team["id"])
    items = [
        TeamMember(
            name=directory.name(member.get("member")),
            role=first_name(member.get("role")),
            phone=directory.phone(member.get("member")),
        )
        for team in active
        for member in team.get("participant", [])
        if type_of(member.get("member")) in _PROFESSIONALS
    ]
    return Team(status="ok" if whole and directory.complete else "partial", items=items)
