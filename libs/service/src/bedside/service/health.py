"""Alive: the process answers. Ready: everything it needs answers too."""

import asyncio
from collections.abc import Mapping

import orjson
from starlette.requests import Request
from starlette.responses import Response

from bedside.identity.access import PUBLIC, access
from bedside.service.runtime import Check

_CHECK_TIMEOUT_S = 2.0


class Health:
    def __init__(self, service: str, checks: Mapping[str, Check]) -> None:
        self._service = service
        self._checks = checks

    @access(PUBLIC)
    async def live(self, request: Request) -> Response:
        return Response(orjson.dumps({"service": self._service, "status": "live"}), media_type="application/json")

    @access(PUBLIC)
    async def ready(self, request: Request) -> Response:
        """503 names each check that failed."""
        found = await asyncio.gather(*(_found(check) for check in self._checks.values()))
        checks = dict(zip(self._checks, found, strict=True))
        ready = all(state == "ok" for state in found)
        body = {"service": self._service, "status": "ready" if ready else "not ready", "checks": checks}
        return Response(orjson.dumps(body), status_code=200 if ready else 503, media_type="application/json")


async def _found(check: Check) -> str:
    try:
        async with asyncio.timeout(_CHECK_TIMEOUT_S):
            await check()
    except TimeoutError:
        return f"no answer within {_CHECK_TIMEOUT_S:g} s"
    except Exception as error:  # A readiness check reports whatever went wrong; it must not fail itself.
        return type(error).__name__
    return "ok"
