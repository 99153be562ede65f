"""`/fhir/AuditEvent`: the access log in FHIR, for administrators, and for patients their own part of it.

The gateway serves it on the FHIR base and has logged who asked; who comes here directly is logged here.
"""

from typing import Any

import orjson
from fastapi import APIRouter
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from bedside.auth.access_log.capability import capability_statement
from bedside.auth.access_log.recording import Outcome, record_access
from bedside.auth.access_log.searching import Log
from bedside.auth.answers import NO_STORE
from bedside.auth.authority import Authority
from bedside.auth.endpoints.access import PUBLIC, token_with
from bedside.auth.endpoints.bearer import caller as caller_of
from bedside.fhir.outcome import Issue, Refused, operation_outcome
from bedside.identity import Caller
from bedside.identity import Refused as TokenRefused

BODY_BYTES_MAX = 64 * 1024
_FORM = "application/x-www-form-urlencoded"
_READ = token_with("user/AuditEvent.rs")


def routes(authority: Authority) -> APIRouter:
    router = APIRouter()
    installation = authority.installation
    serving = _Serving(authority, Log(installation.fhir_base, installation.zone))

    @router.get("/fhir/AuditEvent", openapi_extra=_READ)
    def search(request: Request) -> Response:
        return serving.searched(request, request.scope["query_string"].decode("latin-1"))

    @router.post("/fhir/AuditEvent/_search", openapi_extra=_READ)
    async def search_by_form(request: Request) -> Response:
        query = request.scope["query_string"].decode("latin-1")
        form = await _form(request)
        asked = None if form is None else "&".join(part for part in (query, form) if part)
        return await run_in_threadpool(serving.searched, request, asked)

    @router.get("/fhir/AuditEvent/{id}", openapi_extra=_READ)
    def read(request: Request, id: str) -> Response:
        return serving.read(request, id)

    @router.get("/fhir/metadata", openapi_extra=PUBLIC)
    async def metadata() -> Response:
        return _fhir(capability_statement(installation.fhir_base), 200)

    return router


class _Serving:
    def __init__(self, authority: Authority, log: Log) -> None:
        self._authority = authority
        self._log = log

    def searched(self, request: Request, query: str | None) -> Response:
        """`query` is None when the form cannot be read, which only who may search is told."""
        with self._authority.units.unit() as session:
            caller = self._admitted(session, request)
            if isinstance(caller, Response):
                return caller
            try:
                bundle = self._log.search(session, caller, query or "")
            except Refused as refused:
                self._note(session, caller, "search-type", "AuditEvent", "refused", set())
                return _outcome(refused.status, refused.issues)
            if query is None:
                return _outcome(415, [Issue("not-supported", "A search is posted as a form of at most 64 KiB.")])
            shown = {patient for entry in bundle.get("entry", []) for patient in _patients(entry["resource"])}
            self._note(session, caller, "search-type", "AuditEvent", "success", shown)
            return _fhir(bundle, 200)

    def read(self, request: Request, id_: str) -> Response:
        with self._authority.units.unit() as session:
            caller = self._admitted(session, request)
            if isinstance(caller, Response):
                return caller
            try:
                found = self._log.read(session, caller, id_)
            except Refused as refused:
                self._note(session, caller, "read", "AuditEvent", "refused", set())
                return _outcome(refused.status, refused.issues)
            if found is None:
                self._note(session, caller, "read", "AuditEvent", "refused", set())
                return _outcome(404, [Issue("not-found", "There is no such entry.")])
            self._note(session, caller, "read", f"AuditEvent/{id_}", "success", _patients(found))
            return _fhir(found, 200)

    def _admitted(self, session: Session, request: Request) -> Caller | Response:
        try:
            return caller_of(self._authority, session, request)
        except TokenRefused as refused:
            challenge = {"WWW-Authenticate": f'Bearer realm="bedside", error="{refused.error}"'}
            return _outcome(401, [Issue("login", "The access token was refused.")], challenge)

    def _note(
        self, session: Session, caller: Caller, action: str, entity: str, outcome: Outcome, patients: set[str]
    ) -> None:
        # The gateway is the edge that its callers reached, and has told of them itself.
        if caller.act[:1] == ("gateway",):
            return
        record_access(self._authority, session, caller, action, entity=entity, outcome=outcome, patients=patients)


async def _form(request: Request) -> str | None:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        return None
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            return None
    return body.decode("latin-1")


def _patients(resource: dict[str, Any]) -> set[str]:
    references = [entity.get("what", {}).get("reference", "") for entity in resource.get("entity", [])]
    return {each.removeprefix("Patient/") for each in references if each.startswith("Patient/")}


def _outcome(status: int, issues: Any, headers: dict[str, str] | None = None) -> Response:
    return _fhir(operation_outcome(issues), status, headers)


def _fhir(resource: dict[str, Any], status: int, headers: dict[str, str] | None = None) -> Response:
    return Response(
        orjson.dumps(resource), status, headers=NO_STORE | (headers or {}), media_type="application/fhir+json"
    )
