"""A patient's record was merged into another: who is that patient, or acts for them, is so at the survivor."""

from bedside.auth.authority import Authority
from bedside.auth.directory import Actor, administering, follow_merge, is_news
from bedside.auth.reactions.following import Following, done, id_of
from bedside.events import Event, Reaction
from bedside.events.catalog import PatientMerged, PatientUnmerged


def _follow(authority: Authority, event: Event) -> None:
    survivor = None if event.is_a(PatientUnmerged) else id_of(event.read_as(PatientMerged).survivor)
    actor = Actor.reaction()
    with administering(authority, actor) as session:
        if is_news(session, event.subject, event.version):
            follow_merge(authority, session, actor, id_of(event.subject), survivor=survivor)


repoint_account = Following(
    Reaction(name="repoint_account", events=(PatientMerged, PatientUnmerged), handle=done), _follow
)
