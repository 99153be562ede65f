"""A consent holds no longer: who acted for the patient by it does so no longer. It is given again by hand only."""

from sqlmodel import select

from bedside.auth.authority import Authority
from bedside.auth.directory import Actor, administering, is_news, withdraw_proxy
from bedside.auth.reactions.following import Following, done, id_of
from bedside.auth.tables import ProxyGrant, User
from bedside.events import Event, Reaction
from bedside.events.catalog import ConsentChanged

HOLDS = "active"


def _follow(authority: Authority, event: Event) -> None:
    status = event.read_as(ConsentChanged).status
    actor = Actor.reaction()
    with administering(authority, actor) as session:
        if not is_news(session, event.subject, event.version) or status == HOLDS:
            return
        resting = select(User, ProxyGrant.patient).join(ProxyGrant).where(ProxyGrant.consent == id_of(event.subject))
        for user, patient in session.exec(resting).all():
            withdraw_proxy(authority, session, actor, user, patient)


revoke_proxy_grants = Following(Reaction(name="revoke_proxy_grants", events=(ConsentChanged,), handle=done), _follow)
