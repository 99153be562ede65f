"""The database as the store and the outbox both see it: one transaction, in which state and fact commit together."""

from bedside.events.database.opening import open_database
from bedside.events.database.port import Busy, Connection, Database, Dialect, Row, Unavailable

__all__ = ["Busy", "Connection", "Database", "Dialect", "Row", "Unavailable", "open_database"]
