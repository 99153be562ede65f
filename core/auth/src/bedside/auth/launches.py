"""Launches that an EHR prepares: opened by a person, presented by an app at `/authorize`, used once.

https://hl7.org/fhir/smart-app-launch/app-launch.html#launch-app-ehr-launch
"""

from datetime import timedelta

from sqlmodel import Session, col, update

from bedside.auth.authority import Authority
from bedside.auth.launch_context import LaunchContext
from bedside.auth.refusals import OAuthRefused, invalid_request
from bedside.auth.secrets_kept import digest, new_secret
from bedside.auth.tables import Client, Launch, User

LAUNCH_LIFE = timedelta(minutes=5)


def open_launch(authority: Authority, session: Session, user_id: str, client: Client, context: LaunchContext) -> str:
    """The opaque `launch` that the app is to be sent."""
    secret = new_secret()
    session.add(
        Launch(
            id=digest(secret),
            user_id=user_id,
            client_id=client.id,
            patient=context.patient,
            context=context.rest(),
            expires_at=authority.clock.now() + LAUNCH_LIFE,
        )
    )
    return secret


def presented_launch(authority: Authority, session: Session, secret: str, client: Client) -> Launch:
    """Raises OAuthRefused unless it is a living one for this app. Whose it is shows when the person is known."""
    launch = session.get(Launch, digest(secret))
    if launch is None or launch.client_id != client.id:
        raise invalid_request("the launch is not one of this client")
    if launch.used_at is not None:
        raise _used()
    if launch.expires_at <= authority.clock.now():
        raise invalid_request("the launch has expired")
    return launch


def context_of_launch(launch: Launch, user: User) -> LaunchContext:
    """Raises OAuthRefused when somebody else was to open it."""
    if launch.user_id != user.id:
        raise OAuthRefused("access_denied", "the launch is not one of this person")
    return LaunchContext.kept(launch.patient, launch.context)


def use_launch(authority: Authority, session: Session, launch_id: str) -> None:
    """Raises OAuthRefused for all but the first."""
    claimed = session.exec(
        update(Launch)
        .where(col(Launch.id) == launch_id, col(Launch.used_at).is_(None))
        .values(used_at=authority.clock.now())
    )
    if claimed.rowcount != 1:
        raise _used()


def _used() -> OAuthRefused:
    return invalid_request("the launch was used before")
