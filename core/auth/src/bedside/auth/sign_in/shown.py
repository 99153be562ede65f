"""What every page of a sign-in says of where it leads."""

from typing import Any
from urllib.parse import urlsplit

from bedside.auth.authorizing import Pending


def shown_of(pending: Pending) -> dict[str, Any]:
    return {
        "request": pending.handle,
        "sends_on_to": None if pending.own_page else pending.row.redirect_uri,
        "app": pending.client.name,
        "first_party": pending.client.first_party,
    }


def goes_to(pending: Pending) -> str:
    """The host of the app that waits, with its port; an app on a phone has only a scheme."""
    parts = urlsplit(pending.row.redirect_uri)
    return parts.netloc or f"{parts.scheme}:"
