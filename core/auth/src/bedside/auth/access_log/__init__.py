"""The access log: what happened, by whom, to whom."""

from bedside.auth.access_log.recording import Happening, record

__all__ = ["Happening", "record"]
