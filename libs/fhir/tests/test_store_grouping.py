"""Creates that share a commit: who goes together, and who is spared the trouble of whom."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from bedside.events.database import Busy, Unavailable
from bedside.fhir.existence.peers import Unheard
from bedside.fhir.outcome import Refused
from bedside.fhir.store.draft import Author, Draft, Mention, Written
from bedside.fhir.store.grouping import Groups


class Commits:
    """Notes what is written together, while the gate is open."""

    def __init__(self, *failures: Exception) -> None:
        self.gate = asyncio.Event()
        self.failures = list(failures)
        self.groups: list[list[str]] = []

    async def together(self, drafts: Sequence[Draft], authors: Sequence[Author]) -> list[Written]:
        self.groups.append([draft.id for draft in drafts])
        assert [authors[draft.request].who for draft in drafts] == [draft.id for draft in drafts]
        await self.gate.wait()
        if self.failures:
            raise self.failures.pop(0)
        return [written(draft.id) for draft in drafts]


def written(id: str) -> Written:
    return Written(201, "Patient", id, 1, 0, b"")


def patient(id: str, **elements: object) -> Draft:
    return Draft("create", "Patient", id, {"resourceType": "Patient", **elements})


def started(groups: Groups, *drafts: Draft) -> list["asyncio.Task[Written | None]"]:
    """Each by an author who is called as the draft."""
    return [asyncio.create_task(groups.written(draft, Author(draft.id, "request"))) for draft in drafts]


async def test_what_comes_during_a_commit_shares_the_next_one() -> None:
    commits = Commits()
    groups = Groups(commits.together)
    first = started(groups, patient("a"))
    while not commits.groups:  # noqa: ASYNC110 - two turns of the loop
        await asyncio.sleep(0)
    then = started(groups, patient("b"), patient("c"))
    await asyncio.sleep(0)
    commits.gate.set()
    assert await asyncio.gather(*first, *then) == [written("a"), written("b"), written("c")]
    assert commits.groups == [["a"], ["b", "c"]]


async def test_those_who_bear_one_identifier_go_one_after_the_other() -> None:
    commits = Commits()
    commits.gate.set()
    mrn = [{"system": "urn:mrn", "value": "7"}]
    drafts = [patient("a", identifier=mrn), patient("b", identifier=mrn), patient("c")]
    await asyncio.gather(*started(Groups(commits.together), *drafts))
    assert commits.groups == [["a", "c"], ["b"]]


async def test_a_group_has_a_bound() -> None:
    commits = Commits()
    commits.gate.set()
    await asyncio.gather(*started(Groups(commits.together), *(patient(str(n)) for n in range(100))))
    assert [len(group) for group in commits.groups] == [64, 36]


async def test_a_caller_who_goes_away_takes_nobody_else_along() -> None:
    commits = Commits()
    groups = Groups(commits.together)
    first, gone, second = started(groups, patient("a"), patient("b"), patient("c"))
    while not commits.groups:  # noqa: ASYNC110 - two turns of the loop
        await asyncio.sleep(0)
    waiting, gone_too = started(groups, patient("d"), patient("e"))
    await asyncio.sleep(0)
    gone.cancel()
    gone_too.cancel()
    await asyncio.sleep(0)
    commits.gate.set()
    assert await asyncio.gather(first, second, waiting) == [written("a"), written("c"), written("d")]
    assert commits.groups == [["a", "b", "c"], ["d"]]


async def test_a_group_that_waits_for_a_lock_lets_the_next_one_pass() -> None:
    commits = Commits()
    groups = Groups(commits.together)
    held = started(groups, patient("a"))
    async with asyncio.timeout(10):
        while not commits.groups:  # noqa: ASYNC110 - two turns of the loop
            await asyncio.sleep(0)
        later = started(groups, patient("b"))
        while len(commits.groups) < 2:  # noqa: ASYNC110 - what is waited for is a pause itself
            await asyncio.sleep(0.01)
    commits.gate.set()
    assert await asyncio.gather(*held, *later) == [written("a"), written("b")]


@pytest.mark.parametrize("failure", [lambda: Refused(422, ()), lambda: Busy("lost")])
async def test_a_group_that_is_refused_leaves_each_to_be_tried_alone(failure: Callable[[], Exception]) -> None:
    commits = Commits(failure())
    commits.gate.set()
    groups = Groups(commits.together)
    assert await asyncio.gather(*started(groups, patient("a"), patient("b"))) == [None, None]
    assert await asyncio.gather(*started(groups, patient("c"))) == [written("c")]


async def test_who_must_ask_another_owner_first_leaves_the_group() -> None:
    commits = Commits(Unheard({"Practitioner/x"}))
    commits.gate.set()
    asking = patient("b")
    asking.references = [Mention({"reference": "Practitioner/x"}, "Practitioner/x")]
    answers = await asyncio.gather(*started(Groups(commits.together), patient("a"), asking, patient("c")))
    assert answers == [written("a"), None, written("c")]
    assert commits.groups == [["a", "b", "c"], ["a", "c"]]


async def test_without_a_database_everyone_of_a_group_is_told() -> None:
    commits = Commits(Unavailable("gone"))
    commits.gate.set()
    tasks = started(Groups(commits.together), patient("a"), patient("b"))
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(answer) for answer in answers] == [Unavailable, Unavailable]
