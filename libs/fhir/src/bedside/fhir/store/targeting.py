"""Which resource a conditional update, patch or delete means. https://hl7.org/fhir/R4/http.html#cond-update"""

from collections import Counter
from collections.abc import Sequence

from bedside.events.database import Connection
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.search.asked import Facility
from bedside.fhir.store import conditions
from bedside.fhir.store.draft import Draft, Written


async def target(connection: Connection, drafts: Sequence[Draft], facility: Facility) -> dict[int, Written]:
    """Gives every draft with criteria its id; by the identity of the draft, those that find nothing to do.

    Refused with 412 when several resources match, 404 when there is none to patch, 400 when the resource that was sent
    bears another id, or when two drafts mean the same resource.
    """
    idle: dict[int, Written] = {}
    for draft in drafts:
        if draft.criteria is None:
            continue
        ids = await conditions.matches(
            connection,
            (draft.type_name, draft.criteria),
            at=draft.request_at,
            purview=draft.purview,
            facility=facility,
        )
        if len(ids) > 1:
            raise Refused(412, [Issue("multiple-matches", "the criteria match several resources", draft.request_at)])
        draft.is_new = draft.kind == "update" and not ids
        if ids:
            _mean(draft, ids[0])
        elif draft.kind == "update":
            _mean(draft, draft.new_id)
        elif draft.kind == "patch":
            raise Refused(404, [Issue("not-found", "the criteria match no resource to patch", draft.request_at)])
        else:
            idle[id(draft)] = Written(204, draft.type_name, "", 0, 0, b"")
    if any(draft.criteria is not None for draft in drafts):
        _refuse_doubles([draft for draft in drafts if id(draft) not in idle])
    return idle


def _mean(draft: Draft, id: str) -> None:
    if draft.sent_id not in (None, id):
        text = "the resource that the criteria match has another id"
        raise Refused(400, [Issue("value", text, f"{draft.resource_at}.id")])
    draft.id = id
    if draft.resource is not None:
        draft.resource["id"] = id


def _refuse_doubles(drafts: Sequence[Draft]) -> None:
    counts = Counter(draft.key for draft in drafts)
    wrong = [
        Issue("duplicate", "another entry means the same resource", draft.request_at)
        for draft in drafts
        if counts[draft.key] > 1
    ]
    if wrong:
        raise Refused(400, wrong)
