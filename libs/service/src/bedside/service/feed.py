"""`GET /events`: what the service told, in order, for those who were away."""

import orjson
from starlette.requests import Request
from starlette.responses import Response

from bedside.events import Feed
from bedside.events.database import Database
from bedside.events.feed import FEED_PAGE_MAX
from bedside.identity import Guard, Refused, Unreachable, Verifier
from bedside.identity.access import access, token_with
from bedside.service.feeds import SCOPE


class FeedRoute:
    """`?after=` is a position, `?limit=` at most 500. Answers the events above it with their positions, oldest first.

    For services only: the scope is `system/events.read`.
    """

    def __init__(self, database: Database, verifier: Verifier) -> None:
        self._feed = Feed(database)
        self._guard = Guard(verifier)

    @access(token_with(SCOPE))
    async def shown(self, request: Request) -> Response:
        refusal = await self._refused(request)
        if refusal is not None:
            return refusal
        after, limit = _number(request, "after", 0), _number(request, "limit", FEED_PAGE_MAX)
        if after is None or limit is None:
            return _problem(400, "after and limit are whole numbers, not below zero.")
        page = await self._feed.after(after, max(1, min(limit, FEED_PAGE_MAX)))
        return Response(page.emit(), media_type="application/json")

    async def _refused(self, request: Request) -> Response | None:
        try:
            admitted = await self._guard.admit(request.scope)
        except Refused as refused:
            text = "A bearer token is needed." if refused.reason == "absent" else "The token was refused."
            return _problem(401, text, challenge=refused.challenge())
        except Unreachable:
            return _problem(503, "Who may call cannot be told at the moment.")
        if not admitted.caller.holds(SCOPE):
            return _problem(403, f"The scope {SCOPE} is needed.")
        return None


def _number(request: Request, name: str, default: int) -> int | None:
    given = request.query_params.get(name)
    if given is None:
        return default
    return int(given) if given.isascii() and given.isdigit() and len(given) < 19 else None


def _problem(status: int, title: str, *, challenge: str | None = None) -> Response:
    headers = {"WWW-Authenticate": challenge} if challenge else None
    body = orjson.dumps({"type": "about:blank", "status": status, "title": title})
    return Response(body, status_code=status, headers=headers, media_type="application/problem+json")
