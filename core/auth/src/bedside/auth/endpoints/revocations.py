"""`/internal/revocations`: what services must refuse, for one that starts or was cut off."""

from fastapi import APIRouter
from sqlmodel import col, select
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bedside.auth.answers import NO_STORE, unauthorized
from bedside.auth.authority import Authority
from bedside.auth.endpoints.access import token_with
from bedside.auth.endpoints.bearer import caller
from bedside.auth.tables import Revocation
from bedside.identity import Refused

SCOPE = "system/revocations.read"


def routes(authority: Authority) -> APIRouter:
    router = APIRouter()

    @router.get("/internal/revocations", openapi_extra=token_with(SCOPE))
    def revocations(request: Request) -> Response:
        with authority.units.reading() as session:
            try:
                known = caller(authority, session, request)
            except Refused as refused:
                return unauthorized(refused.error)
            if not known.holds(SCOPE):
                return unauthorized("insufficient_scope")
            now = authority.clock.now()
            rows = session.exec(select(Revocation).where(col(Revocation.until) > now)).all()
        told = [
            {
                "kind": row.kind,
                "value": row.value,
                "issued_before": row.issued_before.isoformat(),
                "until": row.until.isoformat(),
            }
            for row in rows
        ]
        return JSONResponse({"revocations": told}, headers=NO_STORE)

    return router
