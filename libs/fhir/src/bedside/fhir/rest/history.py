"""history of one resource: https://hl7.org/fhir/R4/http.html#history"""

from datetime import UTC

from starlette.responses import Response

from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.rest.confinement import is_hidden
from bedside.fhir.rest.exchange import Exchange
from bedside.fhir.rest.interaction import Interaction
from bedside.fhir.rest.splicing import Bundle
from bedside.fhir.rest.versions import ABSENT, http_date
from bedside.fhir.search.moments import interval
from bedside.fhir.store import current
from bedside.fhir.store.instants import shown

COUNT_DEFAULT = 50
COUNT_MAX = 1000
_NEWEST = 2**31 - 1
_PARAMETERS = ("_count", "_since", "_before")


async def _history(exchange: Exchange) -> Response:
    database = exchange.engine.store.database
    asked = _asked(exchange.search_pairs)
    versions, total = await current.history(
        database,
        exchange.type_name,
        exchange.id,
        below=int(asked.get("_before", _NEWEST)),
        since=asked.get("_since", 0),
        count=asked["_count"] + 1,
    )
    if not versions and await current.read(database, exchange.type_name, exchange.id) is None:
        raise ABSENT
    for version in versions:
        if await is_hidden(database, exchange.caller, exchange.type_name, version):
            # One version of another patient hides the rest: how often it changed is nobody else's business.
            raise ABSENT
    return _bundle(exchange, versions, total, asked["_count"])


def _asked(pairs: list[tuple[str, str]]) -> dict[str, int]:
    asked = {"_count": COUNT_DEFAULT}
    wrong: list[Issue] = []
    for name, value in pairs:
        if name == "_since":
            begin = interval(value, UTC)
            if begin is None:
                wrong.append(Issue("value", "_since takes an instant", name))
            else:
                asked[name] = begin.lo
        elif name in _PARAMETERS:
            if value.isascii() and value.isdigit() and len(value) < 10:
                asked[name] = int(value)
            else:
                wrong.append(Issue("value", f"{name} takes a number", name))
        else:
            wrong.append(Issue("not-supported", "a history takes _count and _since"))
    if wrong:
        raise Refused(400, wrong)
    asked["_count"] = min(asked["_count"], COUNT_MAX)
    return asked


def _bundle(exchange: Exchange, versions: list[current.Version], total: int, count: int) -> Response:
    address = f"{exchange.engine.base_url}/{exchange.type_name}/{exchange.id}"
    bundle = Bundle("history", total=total)
    bundle.link("self", f"{address}/_history")
    page = versions[:count]
    if len(versions) > count and page:
        since = next((f"&_since={value}" for name, value in exchange.pairs if name == "_since"), "")
        bundle.link("next", f"{address}/_history?_count={count}&_before={page[-1].version}{since}")
    for version in page:
        method = {"C": "PUT" if version.version > 1 else "POST", "U": "PUT", "D": "DELETE"}[version.op]
        path = exchange.type_name if method == "POST" else f"{exchange.type_name}/{exchange.id}"
        status = {"C": "201 Created", "U": "200 OK", "D": "204 No Content"}[version.op]
        bundle.entry(
            full_url=address,
            resource=None if version.deleted else version.body,
            request={"method": method, "url": path},
            response={
                "status": status,
                "etag": f'W/"{version.version}"',
                "lastModified": shown(version.updated),
            },
        )
    newest = {"last-modified": http_date(page[0].updated)} if page else None
    wanted = exchange.wanted
    return Response(wanted.body(bundle.bytes()), headers=newest, media_type=wanted.media_type)


HISTORY = Interaction("history-instance", "GET", "/{type_name}/{id}/_history", "r", _history)
