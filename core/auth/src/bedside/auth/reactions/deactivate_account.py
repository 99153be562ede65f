"""A practitioner's record went or became inactive: the account goes with it. It comes back by hand only."""

from sqlmodel import select

from bedside.auth.authority import Authority
from bedside.auth.directory import Actor, DirectoryRefused, deactivate, is_news
from bedside.auth.directory.administering import note
from bedside.auth.reactions.following import Following, done
from bedside.auth.tables import User
from bedside.events import Event, Reaction
from bedside.events.catalog import PractitionerChanged


def _follow(authority: Authority, event: Event) -> None:
    practises = event.read_as(PractitionerChanged).active
    actor = Actor.reaction()
    with authority.units.unit() as session:
        if not is_news(session, event.subject, event.version) or practises:
            return
        for user in session.exec(select(User).where(User.fhir_user == event.subject, User.active)).all():
            try:
                with session.begin_nested():
                    deactivate(authority, session, actor, user)
            except DirectoryRefused as refused:
                # The last administrator stays: a hospital that nobody can administer is worse, and this can be read.
                note(
                    authority,
                    session,
                    actor,
                    "administration",
                    entity=f"User/{user.id}",
                    outcome="refused",
                    reason=refused.reason,
                )


deactivate_account = Following(Reaction(name="deactivate_account", events=(PractitionerChanged,), handle=done), _follow)
