"""`$meta` of the whole base: the profiles, tags and security labels in use at any owner.

https://hl7.org/fhir/R4/resource-operation-meta.html
"""

import asyncio

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bedside.fhir import exact_json
from bedside.fhir.operations.answering import parameters
from bedside.fhir.operations.meta import together
from bedside.fhir.outcome import Issue
from bedside.gateway.federation.door import Door, NotAdmitted, exchange_refused
from bedside.gateway.federation.refusals import FHIR_JSON, outcome, refusal
from bedside.gateway.owners import Answer, Owners, Unreachable
from bedside.gateway.ownership import SERVICES
from bedside.identity import LoginRefused
from bedside.identity.access import fhir

_METHODS = ("GET", "POST")


class Labels:
    """The ASGI endpoint of `/$meta`."""

    access = fhir("entries")
    methods = _METHODS

    def __init__(self, owners: Owners, door: Door) -> None:
        self._owners = owners
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            bearer, _ = await self._door.caller(scope)
            response = await self._answer(Request(scope, receive), bearer)
        except NotAdmitted as refused:
            response = refused.response
        except LoginRefused as problem:
            response = exchange_refused(problem)
        except Unreachable as problem:
            # Without a part of the labels, the rest would look like all of them.
            response = refusal(problem)
        await response(scope, receive, send)

    async def _answer(self, request: Request, bearer: str) -> Response:
        if request.method not in _METHODS:
            issue = Issue("not-supported", "Only GET and POST are supported here.")
            return outcome(405, [issue], {"Allow": ", ".join(_METHODS)})
        answers = await asyncio.gather(
            *(self._owners.request(service, "GET", "$meta", bearer=bearer) for service in SERVICES)
        )
        # Scopes may reach one owner alone: then its labels are all that this caller may know of.
        told = [answer for answer in answers if answer.status != 403] or answers[:1]
        if wrong := next((answer for answer in told if not answer.ok), None):
            return Response(wrong.body, wrong.status, media_type=FHIR_JSON)
        whole = parameters(**{"return": {"valueMeta": together(map(_meta, told))}})
        return Response(exact_json.emit(whole), media_type=FHIR_JSON)


def _meta(answer: Answer) -> dict[str, object]:
    meta: dict[str, object] = exact_json.parse(answer.body)["parameter"][0]["valueMeta"]
    return meta
