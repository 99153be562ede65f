"""An administrator's browser for tests of the console, without the browser."""

import re
from dataclasses import dataclass
from typing import Any

PASSWORD = "correct horse battery staple"


@dataclass
class Administering:
    """Follows redirects, signs in when asked to, and sends the forms of the page it was shown last."""

    flow: Any
    username: str = "admin"
    shown: Any = None

    async def open(self, path: str = "/admin", **query: str) -> Any:
        return await self._followed(await self.flow.browser.get(path, params=query))

    async def send(self, path: str, **typed: str | list[str]) -> Any:
        """With the proof that the last page carried."""
        return await self._followed(await self.flow.browser.post(path, data={"csrf": self.csrf} | typed))

    async def _followed(self, answer: Any) -> Any:
        while answer.status_code == 303:
            location = answer.headers["location"]
            answer = await self.flow.browser.get(location)
            if location.startswith("/sign-in"):
                answer = await self.flow.submit(answer, username=self.username, password=PASSWORD)
        self.shown = answer
        return answer

    @property
    def csrf(self) -> str:
        """The proof for the console's own forms; the first one of a page signs out."""
        _, *found = re.findall(r'name="csrf" value="([0-9a-f]{64})"', self.shown.text)
        assert found, "the page has a form of the console"
        return str(found[0])

    def actions(self, beginning: str) -> list[str]:
        """Where the forms of the page lead."""
        return re.findall(rf'action="({beginning}[^"]*)"', self.shown.text)


def note_of(page: Any) -> str:
    found = re.search(r'data-testid="note">\s*<p>([^<]*)</p>', page.text)
    return found[1] if found else ""
