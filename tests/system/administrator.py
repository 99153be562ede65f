"""An administrator at the console, form by form, where the test is about something else than the browser."""

import re
from typing import Any

import httpx

from tests.system.access import hidden_fields


class Administrator:
    """Signed in with a browser of its own, without the browser. Close it when done."""

    def __init__(self, demo: dict[str, Any]) -> None:
        self._http = httpx.Client(base_url=demo["auth"], follow_redirects=True, timeout=20)
        password = next(user["password"] for user in demo["users"] if user["username"] == "admin")
        asked = self._http.get("/admin")
        self._http.post("/sign-in", data={**hidden_fields(asked.text), "username": "admin", "password": password})

    def deactivate(self, username: str) -> None:
        """Finds the person in the list, and disables them by the button that asks first."""
        found = self._http.get("/admin/users", params={"q": username})
        person = re.search(r'<a href="(/admin/users/[^"/]+)">', found.text)
        assert person, found.text
        path = f"{person[1]}/disable"
        form = re.search(rf'<form method="post" action="{path}">(.*?)</form>', self._http.get(path).text, re.S)
        assert form
        done = self._http.post(path, data=hidden_fields(form[1]))
        assert "They are disabled and signed out everywhere." in done.text, done.text

    def close(self) -> None:
        self._http.close()
