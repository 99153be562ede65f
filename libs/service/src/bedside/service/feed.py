"""`GET /events`: what the service told, in order, for those who were away."""

import orjson
from starlette.requests import Request
from starlette.responses import Response

from bedside.events.database import Database
from bedside.identity import Caller, Refused, Verifier

_PAGE_MAX = 500


class FeedRoute:
    """`?after=` is a position, `?limit=` at most 500. Answers the events above it with their positions, oldest first.

    For services only: the scope is `system/events.read`.
    """

    def __init__(self, database: Database, verifier: Verifier) -> None:
        self._database = database
        self._verifier = verifier

    async def __call__(self, request: Request) -> Response:
        refusal = await self._refused(request)
        if refusal is not None:
            return refusal
        after, limit = _number(request, "after", 0), _number(request, "limit", _PAGE_MAX)
        if after is None or limit is None:
            return _problem(400, "after and limit are whole numbers, not below zero.")
        rows = await self._database.fetch(
            "SELECT position, body FROM outbox WHERE position > $1 ORDER BY position LIMIT $2",
            after,
            min(limit, _PAGE_MAX),
        )
        events = b",".join(b'{"position":%d,"event":%s}' % (position, bytes(body)) for position, body in rows)
        last = rows[-1][0] if rows else after
        return Response(b'{"events":[%s],"position":%d}' % (events, last), media_type="application/json")

    async def _refused(self, request: Request) -> Response | None:
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not bearer:
            return _problem(401, "A bearer token is needed.", challenge="Bearer")
        try:
            caller = Caller.of(await self._verifier.verify(bearer))
        except Refused as refused:
            return _problem(401, "The token was refused.", challenge=f'Bearer error="{refused.error}"')
        if "system/events.read" not in str(caller.scopes).split():
            return _problem(403, "The scope system/events.read is needed.")
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
