"""One CapabilityStatement of all owners' statements, kept and refreshed while the gateway runs."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import structlog
from starlette.requests import Request
from starlette.responses import Response

from bedside.fhir.capability_modes import in_mode
from bedside.fhir.outcome import Issue, Refused
from bedside.gateway.federation.refusals import FHIR_JSON, RETRY_AFTER_S, outcome
from bedside.gateway.owners import Owners, Unreachable
from bedside.gateway.ownership import SERVICES

REFRESH_S = 60.0
RETRY_S = 1.0
TIMEOUT_S = 5.0
log = structlog.get_logger("bedside.gateway.capabilities")


class Capabilities:
    def __init__(self, owners: Owners, *, security: Mapping[str, Any]) -> None:
        """`security` is what the statement says about signing in (`rest.security`)."""
        self._owners = owners
        self._security = security
        self._seen: dict[str, dict[str, Any]] = {}
        self._merged: bytes | None = None

    async def show(self, request: Request) -> Response:
        """503 only while an owner has never been seen: half a statement would be a wrong one."""
        if self._merged is None:
            await self.refresh()
        if self._merged is None:
            missing = ", ".join(service for service in self._owners.services if service not in self._seen)
            issue = Issue("transient", f"The capabilities of {missing} are not known yet.")
            return outcome(503, [issue], {"Retry-After": str(RETRY_AFTER_S)})
        mode = request.query_params.get("mode", "full")
        try:
            body = self._merged if mode == "full" else orjson.dumps(in_mode(orjson.loads(self._merged), mode))
        except Refused as refused:
            return outcome(refused.status, refused.issues)
        return Response(body, media_type=FHIR_JSON, headers={"Cache-Control": "max-age=60"})

    async def refresh(self) -> bool:
        """Asks every owner; whether all answered."""
        services = self._owners.services
        answered = await asyncio.gather(*(self._ask(service) for service in services))
        if all(service in self._seen for service in services):
            statements = [self._seen[service] for service in SERVICES]
            beside = [self._seen[service] for service in services if service not in SERVICES]
            self._merged = orjson.dumps(merged(statements, self._owners.public_base, self._security, beside=beside))
        return all(answered)

    async def keep_fresh(self) -> None:
        while True:
            all_answered = await self.refresh()
            await asyncio.sleep(REFRESH_S if all_answered else RETRY_S)

    async def _ask(self, service: str) -> bool:
        try:
            answer = await self._owners.request(service, "GET", "metadata", bearer=None, timeout_s=TIMEOUT_S)
            statement = answer.json() if answer.ok else None
        except (Unreachable, orjson.JSONDecodeError):
            statement = None
        if not isinstance(statement, dict) or not statement.get("rest"):
            log.warning("no capabilities", service=service)
            return False
        self._seen[service] = statement
        if service not in SERVICES:
            return True
        self._owners.ownership.learn(service, [each["type"] for each in statement["rest"][0].get("resource", [])])
        return True


def merged(
    statements: list[dict[str, Any]],
    public_base: str,
    security: Mapping[str, Any],
    *,
    beside: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """The first statement's particulars, every statement's resource types, and our address.

    Of those `beside` only the types: what can be done with all types is not asked of them.
    """
    first = statements[0]
    rests = [statement["rest"][0] for statement in statements]
    all_rests = [*rests, *(statement["rest"][0] for statement in beside)]
    resources = sorted(
        (each for rest in all_rests for each in rest.get("resource", [])), key=lambda each: str(each["type"])
    )
    rest = {
        **rests[0],
        "mode": "server",
        "security": dict(security),
        "resource": resources,
        "interaction": _in_all(rests, "interaction", "code"),
        "searchParam": _in_all(rests, "searchParam", "name"),
        "operation": _in_any(rests, "operation", "name"),
    }
    kept = {name: value for name, value in rest.items() if value not in ([], None)}
    implementation = {"description": "Bedside: one FHIR base over its core services", "url": public_base}
    return {**first, "implementation": implementation, "rest": [kept]}


def _in_all(rests: list[dict[str, Any]], name: str, key: str) -> list[Any]:
    common = set.intersection(*({each[key] for each in rest.get(name, [])} for rest in rests))
    return [each for each in rests[0].get(name, []) if each[key] in common]


def _in_any(rests: list[dict[str, Any]], name: str, key: str) -> list[Any]:
    return list({each[key]: each for rest in rests for each in rest.get(name, [])}.values())
