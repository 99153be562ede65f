"""Emergency access to one patient's record ("break the glass"), and its review."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from bedside.auth.tables.instant import Instant


class Glass(SQLModel, table=True):
    """It is only here that it says why: no event, log line or token does."""

    id: str = Field(primary_key=True)
    user_id: str = Field(foreign_key="user.id")
    family: str
    """The authorization (`sid`) of the app that it was asked for in: when that is over, so is this."""
    client_id: str
    patient: str
    """A logical id."""
    reason: str
    note: str
    began_at: datetime = Field(sa_type=Instant)
    until: datetime = Field(sa_type=Instant)
    """When it ends by itself."""
    ended_at: datetime | None = Field(default=None, sa_type=Instant)
    """When it was ended before that, or seen to be over."""
    ended_by: str | None = None
    """`user`, `sign-out` (whatever ended the authorization), `time`."""
    reviewed_at: datetime | None = Field(default=None, sa_type=Instant)
    reviewed_by: str | None = Field(default=None, foreign_key="user.id")
    verdict: str | None = None
    """`justified` or `investigate`."""
    review_note: str | None = None
