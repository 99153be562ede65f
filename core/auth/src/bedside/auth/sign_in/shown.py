"""What every page of a sign-in says of where it leads."""

from typing import Any

from bedside.auth.authorizing import Pending


def shown_of(pending: Pending) -> dict[str, Any]:
    return {
        "request": pending.handle,
        "sends_on_to": None if pending.own_page else pending.row.redirect_uri,
        "app": pending.client.name,
        "first_party": pending.client.first_party,
    }
