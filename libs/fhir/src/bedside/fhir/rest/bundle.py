"""batch and transaction: a Bundle posted to the base."""

from typing import Any

from starlette.responses import Response

from bedside.fhir.bundles.batch import batch
from bedside.fhir.bundles.transaction import transaction
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.rest.exchange import Exchange
from bedside.fhir.rest.interaction import Interaction
from bedside.fhir.rest.negotiation import preference
from bedside.fhir.validation import validate

ENTRIES_MAX = 20_000


async def _bundle(exchange: Exchange) -> Response:
    bundle = await exchange.sent()
    entries = _entries(bundle)
    carry_out = transaction if bundle["type"] == "transaction" else batch
    answer = await carry_out(
        exchange.engine,
        exchange.caller,
        exchange.author,
        entries,
        wish=preference(exchange.request, "return"),
        handling=preference(exchange.request, "handling") or "strict",
    )
    return Response(exchange.wanted.body(answer), media_type=exchange.wanted.media_type)


def _entries(bundle: dict[str, Any]) -> list[dict[str, Any]]:
    """Refused when the Bundle, its resources aside, is not one: those are looked at entry by entry."""
    if bundle.get("resourceType") != "Bundle":
        raise Refused(400, [Issue("invalid", "only a Bundle can be posted to the base", "resourceType")])
    entries = bundle.get("entry", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise Refused(400, [Issue("structure", "entry is an array of objects", "Bundle.entry")])
    if len(entries) > ENTRIES_MAX:
        raise Refused(413, [Issue("too-long", f"a Bundle holds at most {ENTRIES_MAX} entries", "Bundle.entry")])
    bare = [{name: part for name, part in entry.items() if name != "resource"} for entry in entries]
    envelope = {**bundle, "entry": bare} if "entry" in bundle else bundle
    errors = [issue for issue in validate(envelope) if issue.severity in ("fatal", "error")]
    if errors:
        raise Refused(400, errors)
    if bundle.get("type") not in ("batch", "transaction"):
        raise Refused(400, [Issue("value", "type must be batch or transaction", "Bundle.type")])
    return entries


BUNDLE = Interaction("transaction", "POST", "/", "entries", _bundle)
