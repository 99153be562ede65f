"""`/internal/revocations`: what services must refuse, for one that starts or was cut off."""

from typing import Any

from fastapi import APIRouter
from sqlalchemy import text
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
                return unauthorized(refused)
            if not known.holds(SCOPE):
                return unauthorized("insufficient_scope")
        return JSONResponse(state(authority), headers=NO_STORE)

    return router


def state(authority: Authority) -> dict[str, Any]:
    """All that is refused now, and where in auth's feed that stands: what was told later is to be heard."""
    with authority.units.reading() as session:
        # The head before the rows: what is told between the two is then in the rows and heard as well.
        epoch, position = session.connection().execute(text("SELECT epoch, position FROM feed_head")).one()
        now = authority.clock.now()
        rows = session.exec(select(Revocation).where(col(Revocation.until) > now)).all()
    return {
        "epoch": epoch,
        "position": position,
        "now": now.isoformat(),
        "kids": authority.signer.kids(),
        "revocations": [
            {
                "kind": row.kind,
                "value": row.value,
                "issued_before": row.issued_before.isoformat(),
                "until": row.until.isoformat(),
            }
            for row in rows
        ],
    }
