"""Hearing facts: inbox, order, parking, gaps and sweeps."""

from bedside.events.consuming.consumer import Consumer, queues_of
from bedside.events.consuming.patience import Patience

__all__ = ["Consumer", "Patience", "queues_of"]
