"""The feed: the retained outbox by position."""

import pytest
from telling import created, tell

from bedside.events import Feed, FeedPage, InProcessTransport, Relay, Undecodable


async def told(database, count: int) -> Feed:
    await tell(database, *(created(f"Practitioner/{number}") for number in range(1, count + 1)))
    await Relay(database, InProcessTransport(), "/patients").number()
    return Feed(database)


async def test_it_goes_on_after_a_position(dialect, database):
    page = await (await told(database, 5)).after(2, 2)
    assert [(entry.position, entry.event.subject) for entry in page.entries] == [
        (3, "Practitioner/3"),
        (4, "Practitioner/4"),
    ]
    assert page.head == 5


async def test_at_its_end_it_is_empty(dialect, database):
    assert (await (await told(database, 2)).after(2)).entries == ()


async def test_an_event_without_position_is_not_in_it_yet(dialect, database):
    feed = await told(database, 1)
    await tell(database, created("Practitioner/later"))
    assert [entry.position for entry in (await feed.after(0)).entries] == [1]


async def test_a_page_survives_its_way_over_http_byte_by_byte(dialect, database):
    page = await (await told(database, 3)).after(0)
    assert FeedPage.parse(page.emit()) == page


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"epoch":1,"head":1,"events":[{"position":1,"age":0,"event":{}}]}']
)
def test_what_is_no_page_is_undecodable(body):
    with pytest.raises(Undecodable):
        FeedPage.parse(body)
