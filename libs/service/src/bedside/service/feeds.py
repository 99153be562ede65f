"""The facts of the other services, read from where they keep them."""

import httpx

from bedside.events import FeedPage, FeedUnavailable
from bedside.events.envelope import Undecodable
from bedside.identity import LoginRefused, ServiceLogin, Unreachable
from bedside.service.settings import SERVICES, Settings

SCOPE = "system/events.read"
_TIMEOUT_S = 10.0


class HttpFeeds:
    """Each owner's `GET /events`, with this service's own token."""

    def __init__(self, settings: Settings, http: httpx.AsyncClient, login: ServiceLogin) -> None:
        self._addresses: dict[str, str] = {service: settings.address(service) for service in SERVICES}
        self._http = http
        self._login = login

    async def after(self, owner: str, position: int, limit: int) -> FeedPage:
        """Raises FeedUnavailable when the owner, or auth, does not answer as it should."""
        address = self._addresses[owner]
        try:
            token = await self._login.token(address, SCOPE)
            answer = await self._http.get(
                f"{address}/events",
                params={"after": position, "limit": limit},
                headers={"Authorization": f"Bearer {token}"},
                timeout=_TIMEOUT_S,
            )
            if answer.status_code != 200:
                raise FeedUnavailable(f"{owner} answered {answer.status_code}")
            return FeedPage.parse(answer.content)
        except (httpx.HTTPError, LoginRefused, Unreachable, Undecodable) as error:
            raise FeedUnavailable(owner) from error
