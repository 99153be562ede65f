"""A unit of work that changes the directory, whole or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlmodel import Session

from bedside.auth.access_log import Happening, record
from bedside.auth.authority import Authority
from bedside.auth.directory.actor import Actor
from bedside.auth.directory.refusing import DirectoryRefused


@contextmanager
def administering(authority: Authority, actor: Actor) -> Iterator[Session]:
    """Commits at the end. DirectoryRefused takes everything back, is noted in the access log, and goes on."""
    try:
        with authority.units.unit() as session:
            yield session
    except DirectoryRefused as refused:
        with authority.units.unit() as session:
            note(authority, session, actor, "administration", outcome="refused", reason=refused.reason)
        raise


def note(
    authority: Authority,
    session: Session,
    actor: Actor,
    action: str,
    *,
    entity: str | None = None,
    patient: str | None = None,
    outcome: str = "success",
    **detail: str,
) -> None:
    """`detail` holds codes only."""
    record(
        authority,
        session,
        Happening(
            action,
            "refused" if outcome == "refused" else "success",
            user_id=actor.user_id,
            client_id=actor.client_id,
            patient=patient,
            entity=entity,
            detail={"via": actor.via} | detail,
        ),
    )
