"""Who looked at my record: the access log of the patients that a person is or stands for."""

from dataclasses import dataclass
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from bedside.auth.access_log import Happening, Looked, look, record
from bedside.auth.access_log.as_fhir import Names
from bedside.auth.access_log.searching import place_of, place_written
from bedside.auth.account.owner import PATH as ACCOUNT
from bedside.auth.account.owner import owner_of
from bedside.auth.admin.wording import Wording
from bedside.auth.authority import Authority
from bedside.auth.endpoints.access import SIGNED_IN
from bedside.auth.pages import message, page
from bedside.auth.sign_in.browser import Browser
from bedside.auth.tables import AuditEvent
from bedside.auth.whom import own_patients

PATH = f"{ACCOUNT}/record"
ROWS = 25
EMERGENCY = "BTG"
_WORDS = {
    "read": "looked at it", "vread": "looked at it", "view": "looked at it", "search-type": "looked at it",
    "history-instance": "looked at its history", "history-type": "looked at its history", "create": "added to it",
    "update": "changed it", "patch": "changed it", "transaction": "changed it", "batch": "changed it",
    "delete": "deleted from it", "export": "took it out", "operation": "looked at it",
    "glass-broken": "opened it in an emergency", "glass-ended": "ended emergency access",
    "patient-chosen": "chose it for an app", "access-log-read": "looked here",
}  # fmt: skip


@dataclass(frozen=True)
class Look:
    who: str
    app: str
    event: AuditEvent

    @property
    def did(self) -> str:
        return _WORDS.get(self.event.action, "used it")


def routes(authority: Authority) -> APIRouter:
    router = APIRouter()

    @router.get(PATH, openapi_extra=SIGNED_IN)
    def looked(request: Request) -> Response:
        browser = Browser(authority, request)
        with authority.units.unit() as session:
            owner = owner_of(authority, session, browser, PATH)
            if isinstance(owner, Response):
                return owner
            now = authority.clock.now()
            own = own_patients(session, owner.user, now=now)
            if not own:
                return browser.remember(_nobodys())
            found = look(
                session, Looked(patients=own), after=place_of(request.query_params.get("after") or ""), count=ROWS
            )
            names = Names.of(session, found.rows)
            # Who reads the log is in it, the person themselves as well.
            record(
                authority,
                session,
                Happening("access-log-read", user_id=owner.user.id, entity="AuditEvent", patient=own[0]),
            )
            shown = page(
                "account_record.html",
                rows=[_look(row, names) for row in found.rows],
                older=f"{PATH}?{urlencode({'after': place_written(found.following)})}" if found.following else None,
                own=owner.user.id,
                emergency=EMERGENCY,
                wording=Wording(now, authority.installation.zone),
            )
            return browser.remember(shown)

    return router


def _look(event: AuditEvent, names: Names) -> Look:
    person = names.people.get(event.user_id or "")
    client = names.clients.get(event.client_id or "")
    app = client.name if client else (event.client_id or "")
    return Look((person.name or "Somebody who has left") if person else app or "Somebody not signed in", app, event)


def _nobodys() -> Response:
    return message(
        "There is no record of yours here",
        "Your account stands for no patient.",
        status=404,
        onward=(ACCOUNT, "To your account"),
    )
