"""The mechanism of views: a view is its signature, and everything else follows from it."""

from bedside.gateway.viewing.declaration import View, view
from bedside.gateway.viewing.sources import (
    Loaded,
    Source,
    Unavailable,
    by_patient,
    category,
    masked,
    referring_to,
    safety,
    sections,
    whole,
)

__all__ = [
    "Loaded",
    "Source",
    "Unavailable",
    "View",
    "by_patient",
    "category",
    "masked",
    "referring_to",
    "safety",
    "sections",
    "view",
    "whole",
]
