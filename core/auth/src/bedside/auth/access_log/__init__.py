"""The access log: what happened, by whom, to whom."""

from bedside.auth.access_log.looking import Looked, Page, look
from bedside.auth.access_log.recording import Happening, record

__all__ = ["Happening", "Looked", "Page", "look", "record"]
