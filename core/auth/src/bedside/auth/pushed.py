"""Authorization requests that a client pushed, so that a browser carries only their name.

https://www.rfc-editor.org/rfc/rfc9126
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, delete, select, update

from bedside.auth.authority import Authority
from bedside.auth.parameters import Parameters
from bedside.auth.secrets_kept import digest, new_secret
from bedside.auth.tables import Client, PushedRequest

PUSHED_LIFE = timedelta(seconds=60)
NAME_PREFIX = "urn:ietf:params:oauth:request_uri:"
_FORGOTTEN_AT_ONCE = 10


@dataclass(frozen=True)
class Pushed:
    parameters: Parameters
    bound_to_key: str | None
    """The thumbprint of the key that has to redeem the code."""


def push(authority: Authority, session: Session, client: Client, pushed: Pushed) -> str:
    """Keeps a request that was found acceptable. Its `request_uri`: for this client, once, for a minute."""
    now = authority.clock.now()
    _forget(session, now)
    secret = new_secret()
    session.add(
        PushedRequest(
            id=digest(secret),
            client_id=client.id,
            parameters=dict(pushed.parameters.as_mapping()),
            bound_to_key=pushed.bound_to_key,
            expires_at=now + PUSHED_LIFE,
        )
    )
    session.flush()
    return f"{NAME_PREFIX}{secret}"


def is_name(request_uri: str | None) -> bool:
    """Whether it names a pushed request, rather than an address of somebody's."""
    return request_uri is not None and request_uri.startswith(NAME_PREFIX)


def taken(authority: Authority, session: Session, sent: Parameters) -> Pushed | None:
    """The request that `request_uri` names, now used up. Nothing else that was sent counts (RFC 9101, section 5).

    None when it is unknown, old, used or another client's; that last is not burnt: its owner may still need it.
    """
    names, clients = sent.all("request_uri"), sent.all("client_id")
    if len(names) != 1 or len(clients) != 1:
        return None
    row = session.get(PushedRequest, digest(names[0].removeprefix(NAME_PREFIX)))
    now = authority.clock.now()
    if row is None or row.client_id != clients[0] or row.expires_at <= now:
        return None
    used = session.exec(
        update(PushedRequest)
        .where(col(PushedRequest.id) == row.id, col(PushedRequest.used_at).is_(None))
        .values(used_at=now)
    )
    return Pushed(Parameters(row.parameters.items()), row.bound_to_key) if used.rowcount == 1 else None


def _forget(session: Session, now: datetime) -> None:
    # Each push removes more than it adds. Rows that another transaction is removing are left to it.
    old = select(PushedRequest.id).where(col(PushedRequest.expires_at) <= now).limit(_FORGOTTEN_AT_ONCE)
    session.exec(delete(PushedRequest).where(col(PushedRequest.id).in_(old.with_for_update(skip_locked=True))))
