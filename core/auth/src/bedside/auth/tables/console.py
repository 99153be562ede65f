"""What the console says after an act, until the page that follows has said it."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from bedside.auth.tables.instant import Instant


class ConsoleNote(SQLModel, table=True):
    """Sealed, because it may hold a secret that is shown once; taken away by being shown."""

    __tablename__ = "console_note"
    id: str = Field(primary_key=True)
    """The SHA-256 of what stands in the address of the page that follows."""
    session_id: str = Field(foreign_key="session.id")
    sealed: bytes
    expires_at: datetime = Field(sa_type=Instant)
