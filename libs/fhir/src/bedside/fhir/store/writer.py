"""The write path, from drafts to versions, index rows and facts: all in the caller's transaction."""

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bedside.events import Cause, Outbox
from bedside.events.database import Busy, Connection
from bedside.fhir import exact_json
from bedside.fhir.declaration import Service
from bedside.fhir.definitions import definitions
from bedside.fhir.existence.peers import Existence
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.search import indexing
from bedside.fhir.search.asked import Facility
from bedside.fhir.store import (
    cascading,
    conditions,
    current,
    inserting,
    integrity,
    linking,
    locks,
    numbers,
    purviews,
    targeting,
    telling,
)
from bedside.fhir.store.draft import Author, Draft, Written
from bedside.fhir.store.instants import following, stored
from bedside.fhir.store.patching import patched
from bedside.fhir.store.preparing import prepare
from bedside.fhir.store.references import known as known_key
from bedside.fhir.store.stamping import same_content, stamped


@dataclass(slots=True)
class Step:
    """A draft on its way to a version: what was there before, and what will be."""

    draft: Draft
    before: current.Version | None
    version: int
    updated: int
    body: bytes
    op: str
    resource: dict[str, Any] | None
    vid: int = 0

    @property
    def status(self) -> int:
        if self.op == "D":
            return 204
        return 201 if self.before is None or self.before.deleted else 200

    def written(self) -> Written:
        return Written(self.status, self.draft.type_name, self.draft.id, self.version, self.updated, self.body)


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes drafts as one unit. `ask` says whether other owners can be asked about what they have."""

    service: Service
    outbox: Outbox
    base_url: str
    ask: bool
    relaxed: bool

    @property
    def facility(self) -> Facility:
        """Where our own absolute references begin."""
        return Facility(self.base_url)

    async def write(
        self,
        connection: Connection,
        drafts: Sequence[Draft],
        *,
        now: datetime,
        authors: Sequence[Author],
        heard: Mapping[str, Existence],
    ) -> list[Written]:
        """One answer per draft, in their order; `authors` by `Draft.request`.

        Refused when any of them cannot be: then the caller must roll back.
        """
        criteria = conditions.wanted(drafts)
        await locks.take(connection, drafts, criteria)
        found = await linking.matched(connection, drafts, self.facility)
        found |= await targeting.target(connection, [each for each in drafts if id(each) not in found], self.facility)
        writing = [draft for draft in drafts if id(draft) not in found]
        writing += await self._cascaded(connection, writing)
        await self._patch(connection, [draft for draft in writing if draft.patch is not None])
        await linking.rewrite(connection, drafts, found, types=self.service.types, facility=self.facility)
        known = await self._numbers(connection, writing)
        before = await self._before(connection, writing, known)
        await purviews.refuse_strangers(connection, writing, before)
        self._refuse_conflicts(writing, before)
        if any(draft.references for draft in writing):
            await self._check_references(connection, writing, known, heard)
        steps = self._steps(writing, before, stored(now))
        await self._refuse_orphans(connection, steps, known)
        await store_steps(
            connection,
            list(steps.values()),
            authors=authors,
            ts=stored(now),
            known=known,
            fresh={draft.key for draft in writing if draft.kind == "create"},
            facility=self.facility,
        )
        await self._tell(connection, list(steps.values()), now=now, authors=authors)
        return [
            found[id(draft)]
            if id(draft) in found
            else steps[draft.key].written()
            if draft.key in steps
            else self._unchanged(draft, before.get(draft.key))
            for draft in drafts
        ]

    async def _tell(
        self, connection: Connection, steps: Sequence[Step], *, now: datetime, authors: Sequence[Author]
    ) -> None:
        causes = [Cause(correlation_id=author.request_id) for author in authors]
        told = [(fact, causes[step.draft.request]) for step in steps for fact in telling.facts(self.service, step)]
        await self.outbox.append_caused(connection, told, now=now)

    async def _cascaded(self, connection: Connection, writing: Sequence[Draft]) -> list[Draft]:
        cascading_from = [each for each in writing if each.cascades]
        if any(each.is_bounded for each in cascading_from):
            # What refers to a resource that must look absent is not counted first.
            known = await current.numbers(connection, [each.key for each in cascading_from])
            there = await self._before(connection, cascading_from, known)
            await purviews.refuse_strangers(connection, cascading_from, there)
        added = await cascading.cascaded(connection, writing)
        if not added:
            return []
        before = await self._before(connection, added, await current.numbers(connection, [each.key for each in added]))
        try:
            if not all(each.purview.permits("d", each.type_name) for each in added):
                raise Refused(403, ())
            await purviews.refuse_strangers(connection, added, before)
        except Refused as refused:
            text = "resources that no granted scope permits to delete refer to it"
            at = next(each.request_at for each in writing if each.cascades)
            raise Refused(409, [Issue("conflict", text, at)]) from refused
        return added

    async def _patch(self, connection: Connection, patching: Sequence[Draft]) -> None:
        """What each patch makes of the version that is locked from here on; judged as if it had been sent."""
        if not patching:
            return
        known = await current.numbers(connection, [each.key for each in patching], lock="FOR NO KEY UPDATE")
        before = await self._before(connection, patching, known)
        await purviews.refuse_strangers(connection, patching, before)
        self._refuse_conflicts(patching, before)
        for draft in patching:
            draft.resource = patched(draft, before.get(draft.key))
        prepare(self.service, patching)
        # What a patch brings is known only now: whoever searches for its identifiers waits from here on.
        await locks.take(connection, patching, conditions.wanted(patching))

    async def _numbers(self, connection: Connection, writing: Sequence[Draft]) -> dict[str, current.Known]:
        """The rows of everything written or referred to, locked so that no reference loses its end meanwhile."""
        gone = {draft.key for draft in writing if draft.kind == "delete"}
        changed = {draft.key for draft in writing if draft.kind != "create"} - gone
        named = {key for draft in writing for mention in draft.references if (key := known_key(mention))}
        if connection.dialect == "sqlite":
            return await current.numbers(connection, gone | changed | named)
        known = await current.numbers(connection, named - gone - changed, lock="FOR KEY SHARE")
        known |= await current.numbers(connection, changed, lock="FOR NO KEY UPDATE")
        return known | await current.numbers(connection, gone, lock="FOR UPDATE")

    async def _before(
        self, connection: Connection, writing: Sequence[Draft], known: Mapping[str, current.Known]
    ) -> dict[str, current.Version]:
        vids = {known[d.key].vid: d.key for d in writing if d.key in known and known[d.key].vid is not None}
        found = await current.versions(connection, [vid for vid in vids if vid is not None])
        return {vids[vid]: version for vid, version in found.items()}

    def _refuse_conflicts(self, writing: Sequence[Draft], before: Mapping[str, current.Version]) -> None:
        wrong: list[Issue] = []
        for draft in writing:
            version = before.get(draft.key)
            there = version is not None and not version.deleted
            if draft.is_new and there:
                # Overwriting it would be an update of a resource that the criteria do not select.
                text = "no resource matches the criteria, and the id is that of another one"
                raise Refused(409, [Issue("conflict", text, f"{draft.resource_at}.id")])
            if draft.create_only and there:
                wrong.append(Issue("conflict", "the resource exists already", draft.request_at))
            if draft.if_match is not None and (version is None or not there or version.version != draft.if_match):
                wrong.append(Issue("conflict", "the resource is at another version", draft.request_at))
        if wrong:
            raise Refused(412, wrong)

    async def _check_references(
        self,
        connection: Connection,
        writing: Sequence[Draft],
        known: Mapping[str, current.Known],
        heard: Mapping[str, Existence],
    ) -> None:
        found = await integrity.look_up(
            connection, self.service, writing, known, heard, ask=self.ask and not self.relaxed
        )
        wrong = [issue for draft in writing for issue in integrity.issues(draft, found, relaxed=self.relaxed)]
        if wrong:
            raise Refused(422, wrong)

    def _steps(self, writing: Sequence[Draft], before: Mapping[str, current.Version], ts: int) -> dict[str, Step]:
        """By `Type/id`; drafts that would change nothing have none."""
        steps: dict[str, Step] = {}
        for draft in writing:
            version = before.get(draft.key)
            number = version.version + 1 if version else 1
            updated = following(ts, version.updated) if version else ts
            if draft.kind == "delete":
                if version is not None and not version.deleted:
                    steps[draft.key] = Step(draft, version, number, updated, b"", "D", None)
                continue
            assert draft.resource is not None, "only a deletion has no resource"
            if version is not None and not version.deleted and same_content(draft.resource, version):
                continue
            resource = stamped(draft.resource, draft.id, number, updated)
            op = "C" if version is None or version.deleted else "U"
            steps[draft.key] = Step(draft, version, number, updated, exact_json.emit(resource), op, resource)
        return steps

    def _unchanged(self, draft: Draft, version: current.Version | None) -> Written:
        if version is None:
            return Written(204, draft.type_name, draft.id, 0, 0, b"")
        status = 204 if draft.kind == "delete" else 200
        return Written(status, draft.type_name, draft.id, version.version, version.updated, version.body)

    async def _refuse_orphans(
        self, connection: Connection, steps: Mapping[str, Step], known: Mapping[str, current.Known]
    ) -> None:
        """What others of ours refer to is not deleted under them."""
        gone = {known[key].rid: step for key, step in steps.items() if step.op == "D"}
        if not gone or self.relaxed:
            return
        rewritten = {known[key].rid for key in steps if key in known}
        pointing = await current.mentioners(connection, list(gone))
        left = {rid: set(each) - rewritten for rid, each in pointing.items()}
        keys = await cascading.keys_of(connection, {rid for each in left.values() for rid in each})
        if any(left.get(rid) and step.draft.cascades for rid, step in gone.items()):
            raise Busy("a reference was written while the cascade was looked up")
        wrong = [
            Issue("conflict", _still_referred(step.draft, [keys[each] for each in left[rid]]), step.draft.request_at)
            for rid, step in gone.items()
            if left.get(rid)
        ]
        if wrong:
            raise Refused(409, wrong)


def _still_referred(draft: Draft, keys: Sequence[str]) -> str:
    """How many of which types, as far as the caller may see all of the type."""
    counts = Counter(key.partition("/")[0] for key in keys)
    if not all(draft.purview.is_whole("r", type_name) for type_name in counts):
        return "other resources refer to it"
    told = ", ".join(f"{count} {type_name}" for type_name, count in sorted(counts.items()))
    return f"other resources refer to it ({told}); delete them first, or ask for _cascade=delete"


async def store_steps(
    connection: Connection,
    steps: Sequence[Step],
    *,
    authors: Sequence[Author],
    ts: int,
    known: Mapping[str, current.Known] | None = None,
    fresh: Collection[str] = (),
    facility: Facility | None = None,
) -> None:
    """Index rows first, then the transaction's number, then the versions: the number is held as briefly as can be.

    Each author (by `Draft.request`) has a number of its own, except one of whom there is no step.
    `known` are resource rows that were looked up already; `fresh` are keys that cannot be there, their ids being new.
    """
    if not steps:
        return
    for step, vid in zip(steps, await numbers.versions(connection, len(steps)), strict=True):
        step.vid = vid
    indexed = [
        (step, indexing.index(step.resource, facility or Facility())) for step in steps if step.resource is not None
    ]
    named = {key for step, index in indexed for key in (*_named(index), *_mentioned(step))}
    rids = await _resource_rows(connection, steps, named, dict(known or {}), fresh)
    await inserting.insert(connection, _index_rows(indexed, rids))
    newest = max(ts, *(step.updated for step in steps))
    writing = sorted({step.draft.request for step in steps})
    allotted = await numbers.transactions(connection, [authors[request] for request in writing], newest)
    await _version_rows(connection, steps, rids, dict(zip(writing, allotted, strict=True)))
    await purviews.refuse_outside(connection, [(step.draft, step.vid, index.patients) for step, index in indexed])


def _index_rows(
    indexed: Sequence[tuple[Step, indexing.Indexed]], rids: Mapping[str, int]
) -> dict[str, list[tuple[Any, ...]]]:
    rows: dict[str, list[tuple[Any, ...]]] = {}
    for step, index in indexed:
        for table, added in index.rows(step.vid, rids.__getitem__).items():
            rows.setdefault(table, []).extend(added)
        rows.setdefault("mention", []).extend((rids[key], step.vid) for key in _mentioned(step))
    return rows


async def _resource_rows(
    connection: Connection,
    steps: Sequence[Step],
    named: set[str],
    known: dict[str, current.Known],
    fresh: Collection[str],
) -> dict[str, int]:
    """A number for every resource written or mentioned."""
    vids = {step.draft.key: step.vid for step in steps}
    known |= await current.numbers(connection, (named | vids.keys()) - known.keys() - set(fresh))
    new: dict[str, int | None] = {key: vids.get(key) for key in (named | vids.keys()) - known.keys()}
    added = await numbers.resources(connection, new)
    rids = {key: row.rid for key, row in known.items()} | added
    if late := new.keys() - added.keys():
        if late & vids.keys():
            raise Busy("another transaction created the same resource")
        rids |= {key: row.rid for key, row in (await current.numbers(connection, late)).items()}
    changed = [(vid, rids[key]) for key, vid in vids.items() if key not in added]
    if changed:
        await connection.execute_many("UPDATE resource SET cur_vid = $1 WHERE rid = $2", changed)
    return rids


def _named(index: indexing.Indexed) -> set[str]:
    return set(index.references) | {f"Patient/{id}" for id in index.patients}


def _mentioned(step: Step) -> set[str]:
    return {key for mention in step.draft.references if (key := known_key(mention))}


async def _version_rows(
    connection: Connection, steps: Sequence[Step], rids: Mapping[str, int], txns: Mapping[int, int]
) -> None:
    type_id = definitions().type_id
    added = [
        (
            step.vid,
            rids[step.draft.key],
            step.version,
            type_id(step.draft.type_name),
            txns[step.draft.request],
            step.op,
            step.updated,
            hashlib.sha256(step.body).digest(),
            step.body,
        )
        for step in steps
    ]
    await inserting.insert(connection, {"version": added})
    closed = [(txns[step.draft.request], step.before.vid) for step in steps if step.before is not None]
    if closed:
        await connection.execute_many("UPDATE version SET txn_to = $1 WHERE vid = $2", closed)
