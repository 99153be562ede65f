"""A reference leads somewhere: to a resource of ours, to one that another owner has, or out of this system."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bedside.events.database import Connection
from bedside.fhir import exact_json
from bedside.fhir.declaration import Service
from bedside.fhir.existence import rows
from bedside.fhir.existence.peers import Existence, Unheard
from bedside.fhir.existence.retirement import survivor_of
from bedside.fhir.outcome import Issue
from bedside.fhir.store import current, purviews
from bedside.fhir.store.draft import Draft, Mention
from bedside.fhir.store.references import known, local, path_of

_NOT_THERE = ("not-found", "the reference is to a resource that does not exist")
_OUTSIDE = ("#", "http://", "https://", "urn:")


@dataclass(frozen=True, slots=True)
class Found:
    """What the references of a transaction lead to: which exist, and the survivors of those that were retired.

    `unseen` do not exist for drafts whose author may touch portions only.
    """

    existing: frozenset[str]
    survivors: Mapping[str, str]
    unseen: frozenset[str] = frozenset()


async def look_up(
    connection: Connection,
    service: Service,
    drafts: Sequence[Draft],
    numbers: Mapping[str, current.Known],
    heard: Mapping[str, Existence],
    *,
    ask: bool,
) -> Found:
    """Raises Unheard when another owner has to be asked first, and `ask` says there is someone to ask."""
    named = {key for draft in drafts for mention in draft.references if (key := known(mention)) is not None}
    own = {key for key in named if key.partition("/")[0] in service.types}
    foreign = named - own
    return Found(
        existing=await _own(connection, own, numbers, drafts) | await _foreign(connection, foreign, heard, ask=ask),
        survivors=await _retired(connection, own, foreign, numbers),
        unseen=await purviews.unseen(connection, drafts, numbers, heard, owned=service.types, ask=ask),
    )


def issues(draft: Draft, found: Found, *, relaxed: bool) -> list[Issue]:
    """What is wrong with the references of one draft, each at its path."""
    return [
        Issue(code, text, path_of(draft.resource or {}, mention.holder, draft.resource_at))
        for mention in draft.references
        for code, text in _wrong(draft, mention, found, relaxed=relaxed)
    ]


def _wrong(draft: Draft, mention: Mention, found: Found, *, relaxed: bool) -> list[tuple[str, str]]:
    text = _text(mention)
    key = local(text)
    if key is None:
        if text.startswith(("urn:uuid:", "urn:oid:")) and not relaxed:
            return [("not-found", "the reference is to an entry that is not in this bundle")]
        if text.startswith(_OUTSIDE) or relaxed:
            return []
        return [("value", "the reference is neither Type/id nor an absolute address")]
    if draft.is_bounded and key in found.unseen:
        return [_NOT_THERE]
    if key in found.survivors and not _is_patient_link(draft):
        return [("business-rule", f"the patient's record was merged: refer to {found.survivors[key]} instead")]
    if relaxed or key in found.existing:
        return []
    return [_NOT_THERE]


def _is_patient_link(draft: Draft) -> bool:
    # The survivor and the retired record name one another; nothing else in a Patient refers to patients.
    return draft.type_name == "Patient"


def _text(mention: Mention) -> str:
    text = mention.holder.get("reference")
    return text if isinstance(text, str) else ""


async def _own(
    connection: Connection, own: set[str], numbers: Mapping[str, current.Known], drafts: Sequence[Draft]
) -> frozenset[str]:
    written = {draft.key for draft in drafts if draft.kind != "delete"}
    deleted = {draft.key for draft in drafts if draft.kind == "delete"}
    stored = {key: numbers[key].vid for key in own - written - deleted if key in numbers}
    live = await current.live(connection, [vid for vid in stored.values() if vid is not None])
    return frozenset(written & own) | {key for key, vid in stored.items() if vid in live}


async def _foreign(
    connection: Connection, foreign: set[str], heard: Mapping[str, Existence], *, ask: bool
) -> frozenset[str]:
    if not foreign:
        return frozenset()
    if not ask:
        return frozenset(foreign)
    remembered = dict(await rows.known(connection, foreign))
    for key in foreign & heard.keys():
        if key not in remembered or remembered[key].version < heard[key].version:
            remembered[key] = heard[key]
    # One that is known to be gone may have returned: the owner says, for its fact may be on the way.
    if unheard := {key for key in foreign - heard.keys() if key not in remembered or not remembered[key].exists}:
        raise Unheard(unheard)
    return frozenset(key for key in foreign if remembered[key].exists)


async def _retired(
    connection: Connection, own: set[str], foreign: set[str], numbers: Mapping[str, current.Known]
) -> dict[str, str]:
    patients = [key for key in own if key.startswith("Patient/") and key in numbers]
    vids = {vid: key for key in patients if (vid := numbers[key].vid) is not None}
    stored = await current.versions(connection, vids)
    survivors = {
        vids[vid]: survivor
        for vid, version in stored.items()
        if b'"replaced-by"' in version.body and (survivor := survivor_of(exact_json.parse(version.body)))
    }
    merged = await rows.known(connection, [key for key in foreign if key.startswith("Patient/")])
    return survivors | {key: existence.survivor for key, existence in merged.items() if existence.survivor}
