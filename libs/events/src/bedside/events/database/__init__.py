"""The database as the store and the outbox both see it: one transaction, in which state and fact commit together."""

from bedside.events.database.opening import open_database
from bedside.events.database.port import (
    MICROSECONDS_NOW,
    Busy,
    Connection,
    Database,
    Dialect,
    Reader,
    Row,
    Signal,
    Unavailable,
)

__all__ = [
    "MICROSECONDS_NOW",
    "Busy",
    "Connection",
    "Database",
    "Dialect",
    "Reader",
    "Row",
    "Signal",
    "Unavailable",
    "open_database",
]
