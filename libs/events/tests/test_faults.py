"""Whatever is killed, and when: every fact arrives, once, in order."""

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest
from telling import PATIENT, consumer, count, created, event, eventually, notebook, parked, running, tell
from wire import wired

from bedside.events import Event, Feed, InProcessTransport, Listener, Outbox, Relay, Unit, relay
from bedside.events.catalog import ResourceDeleted
from bedside.events.database import Unavailable, open_database
from bedside.events.feed import LocalFeeds
from bedside.events.transport import Delivery, Outgoing
from bedside.events.transport.rabbit import RabbitTransport
from conftest import server_url


class Killed(BaseException):
    """The process ends here."""


async def published(database) -> int:
    return await count(database, "outbox WHERE published_at IS NOT NULL")


async def test_a_relay_killed_between_confirm_and_mark_only_repeats_itself_on_the_wire(
    world, new_database, new_transport, monkeypatch
):
    patients, reader = await new_database(), await new_database()
    book = await notebook(reader)
    hearing = consumer(reader, new_transport(), book.reaction())
    await new_transport().declare(hearing.queues)
    await tell(patients, *(created("Practitioner/x", version) for version in (1, 2, 3)))
    first = Relay(patients, new_transport(), "/patients")
    await first.number()

    async def killed(*_: object) -> int:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(first, "_mark", killed)
        with pytest.raises(Killed):
            await first.publish()
    assert await published(patients) == 0
    await first.release()
    async with running(hearing.run, Relay(patients, new_transport(), "/patients").run):
        await eventually(lambda: published(patients), 3)
        await eventually(lambda: book.heard_of("Practitioner/x"), [1, 2, 3])
        await asyncio.sleep(0.1)
    assert await book.heard_of("Practitioner/x") == [1, 2, 3]


async def test_a_relay_that_slept_past_its_lease_does_not_mark_and_gives_up(world, new_database, new_transport):
    patients = await new_database()
    transport = new_transport()
    await transport.declare([])
    await tell(patients, created("Practitioner/x"))
    sleeper, successor = (Relay(patients, transport, "/patients") for _ in range(2))
    await sleeper.number()

    class TakenOverMeanwhile:
        async def publish(self, wave: list[Outgoing]) -> frozenset[int]:
            confirmed = await transport.publish(wave)
            async with patients.transaction() as connection:
                await connection.execute("UPDATE relay_lease SET expires_at = 0")
            await successor._hold_lease()
            return confirmed

    sleeper._transport = TakenOverMeanwhile()
    await sleeper.publish()
    assert await published(patients) == 0
    assert await successor.publish() == (1, 1)
    assert await published(patients) == 1


@pytest.mark.parametrize("world", ["embedded"])
async def test_a_relay_in_the_place_of_a_killed_one_on_the_same_file_publishes_at_once(world, database):
    transport = InProcessTransport()
    await transport.declare([])
    killed, successor = (Relay(database, transport, "/patients") for _ in range(2))
    await killed.publish()
    await tell(database, created("Practitioner/x"))
    await successor.number()
    assert await successor.publish() == (1, 1)


async def test_a_relay_that_ends_in_order_leaves_its_lease_to_the_next(world, database, new_transport):
    await new_transport().declare([])
    async with running(Relay(database, new_transport(), "/patients").run):
        await eventually(lambda: count(database, "relay_lease WHERE owner IS NOT NULL"), 16)
    assert await count(database, "relay_lease WHERE owner IS NOT NULL") == 0


@pytest.mark.servers
@pytest.mark.parametrize("world", ["servers"])
async def test_while_one_relay_holds_the_lease_another_publishes_nothing(world, new_database, new_transport):
    patients = await new_database()
    await new_transport().declare([])
    first, second = (Relay(patients, new_transport(), "/patients") for _ in range(2))
    await first.publish()
    await tell(patients, created("Practitioner/x"))
    await first.number()
    assert await second.publish() == (0, 0)
    assert await first.publish() == (1, 1)


async def test_a_subject_that_cannot_be_published_holds_up_no_other(world, database):
    class RefusesX:
        def __init__(self) -> None:
            self.published: list[tuple[str, int]] = []

        async def publish(self, wave):
            events = {one.position: Event.parse(one.body) for one in wave}
            taken = {position: one for position, one in events.items() if one.subject != "Practitioner/x"}
            self.published += [(one.subject, one.sequence) for one in taken.values()]
            return frozenset(taken)

    transport = RefusesX()
    relaying = Relay(database, transport, "/patients")
    await tell(database, *(created(f"Practitioner/{who}", n) for n in (1, 2) for who in ("x", "y", "z")))
    await relaying.number()
    assert await relaying.publish() == (6, 4)
    assert transport.published == [(f"Practitioner/{who}", n) for n in (1, 2) for who in ("y", "z")]


async def test_the_feed_moves_on_while_the_broker_is_away(world, database):
    relaying = Relay(database, InProcessTransport(), "/patients")
    async with running(relaying.run):
        await tell(database, created("Practitioner/x"), created("Practitioner/y"))

        async def positions() -> list[int]:
            return [entry.position for entry in (await Feed(database).after(0)).entries]

        await eventually(positions, [1, 2])
    assert await published(database) == 0


async def test_positions_are_without_gaps_after_rollbacks(world, database):
    relaying = Relay(database, InProcessTransport(), "/patients")
    for number in range(3):
        await tell(database, created(f"Practitioner/{number}"))
        await relaying.number()
        with suppress(Killed):
            async with database.transaction() as connection:
                await Outbox("/patients").append(connection, [created("Practitioner/n")], now=event().time)
                raise Killed
    assert [entry.position for entry in (await Feed(database).after(0)).entries] == [1, 2, 3]


@pytest.mark.parametrize("killed_at", ["before commit", "after commit"])
async def test_a_consumer_killed_around_its_commit_applies_each_event_once(world, database, new_transport, killed_at):
    book = await notebook(database)
    hearing = consumer(database, new_transport(), book.reaction())
    await new_transport().declare(hearing.queues)
    for number, one in enumerate((event(sequence=1), event(sequence=2)), 1):
        await new_transport().publish([Outgoing(number, 1, one.id, one.owner, one.routing_key, one.body)])

    hearer = hearing._hearers[0]
    target = (hearer._applier, "_finish") if killed_at == "before commit" else (hearer, "_apply_patiently")
    working = getattr(*target)

    async def killed(*arguments, **named):
        if killed_at == "after commit":
            await working(*arguments, **named)
        raise Killed

    setattr(*target, killed)
    with pytest.raises(Killed):
        await hearer.keep_listening()
    async with running(consumer(database, new_transport(), book.reaction()).run):
        await eventually(lambda: book.heard_of("Practitioner/x"), [1, 2])
        await asyncio.sleep(0.1)
    assert await book.heard_of("Practitioner/x") == [1, 2]


async def test_an_event_that_kills_its_consumer_is_parked_after_five_times(world, database):
    book = await notebook(database)
    hearing = consumer(database, InProcessTransport(), book.reaction(), patience=replace(PATIENT, retry_first_s=60))

    class Fake:
        async def ack(self, delivery):
            self.acked = delivery

    killer, calm = event("Practitioner/killer"), event("Practitioner/x")
    deliveries = [Delivery(killer.body, "patients", 5, 1), Delivery(calm.body, "patients", 5 - 1, 2)]
    subscription = Fake()
    await hearing._hearers[0]._hear(subscription, deliveries)
    assert await book.heard() == [("Practitioner/x", 1)]
    assert await parked(database) == [("resource:Practitioner/killer", 1, "failed")]
    assert subscription.acked is deliveries[1]


async def test_a_database_away_during_a_batch_neither_parks_nor_acknowledges(world, database, new_transport):
    away = True

    async def fails(heard: Event, unit: Unit) -> None:
        if away:
            raise Unavailable("gone")

    book = await notebook(database, fails)
    hearing = consumer(database, new_transport(), book.reaction())
    await new_transport().declare(hearing.queues)
    async with running(hearing.run):
        one = event()
        await new_transport().publish([Outgoing(1, 1, one.id, one.owner, one.routing_key, one.body)])
        await asyncio.sleep(0.2)
        assert (await book.heard(), await parked(database), await count(database, "inbox")) == ([], [], 0)
        away = False
        await eventually(book.heard, [("Practitioner/x", 1)])


async def test_what_a_crash_of_the_process_loses_in_memory_the_starting_sweep_brings_back(world, new_database):
    patients, reader = await new_database(), await new_database()
    transport = InProcessTransport()
    book = await notebook(reader)
    hearing = consumer(reader, transport, book.reaction(), patience=PATIENT)
    await transport.declare(hearing.queues)
    async with running(Relay(patients, transport, "/patients").run):
        await tell(patients, *(created("Practitioner/x", version) for version in (1, 2, 3)), created("Practitioner/y"))
        await eventually(lambda: published(patients), 4)
    transport.lose()
    feeds = LocalFeeds({"patients": Feed(patients), "encounters": Feed(reader)})
    again = consumer(reader, InProcessTransport(), book.reaction(), feeds=feeds, patience=PATIENT)
    async with running(again.run):
        await eventually(lambda: book.heard_of("Practitioner/x"), [1, 2, 3])
        await eventually(lambda: book.heard_of("Practitioner/y"), [1])


async def test_a_new_epoch_is_swept_from_its_beginning(world, new_database):
    patients, reader = await new_database(), await new_database()
    book = await notebook(reader)
    feeds = LocalFeeds({"patients": Feed(patients), "encounters": Feed(reader)})
    hearing = consumer(reader, InProcessTransport(), book.reaction(), feeds=feeds)
    async with running(hearing.run):
        await tell(patients, created("Practitioner/x"))
        await Relay(patients, InProcessTransport(), "/patients").number()
        await eventually(lambda: book.heard_of("Practitioner/x"), [1])
        async with patients.transaction() as connection:
            await connection.execute("UPDATE feed_head SET epoch = epoch + 1, position = 0")
            await connection.execute("DELETE FROM outbox")
        await tell(patients, created("Practitioner/y"))
        await Relay(patients, InProcessTransport(), "/patients").number()
        await eventually(lambda: book.heard_of("Practitioner/y"), [1])


async def test_an_instance_hears_what_it_asks_for_and_is_told_when_it_must_reread(world, new_transport):
    heard, rereads = [], []

    async def handle(one: Event) -> None:
        heard.append((one.routing_key, one.subject))

    async def reread() -> None:
        rereads.append(len(heard))

    await new_transport().declare([])
    listening = Listener(new_transport(), "gateway", (ResourceDeleted,), handle, on_connected=reread)
    async with running(listening.run):

        async def is_listening() -> bool:
            return listening.listening

        await eventually(is_listening, True)
        for number, name in enumerate(("created", "deleted"), 1):
            one = Event.parse(event().body.replace(b"resource.created", f"resource.{name}".encode()))
            await new_transport().publish([Outgoing(number, 1, one.id, one.owner, one.routing_key, one.body)])

        async def what() -> list[tuple[str, str]]:
            return heard

        await eventually(what, [("resource.deleted.v1", "Practitioner/x")])
    assert rereads == [0]


@pytest.mark.servers
@pytest.mark.parametrize("world", ["servers"])
async def test_while_the_broker_is_down_changes_commit_and_are_heard_when_it_is_up(
    world, new_database, new_transport, broker_names, monkeypatch
):
    monkeypatch.setattr(relay, "BACK_OFF_LONGEST_S", 0.3)
    patients, reader = await new_database(), await new_database()
    book = await notebook(reader)
    async with wired(server_url("BEDSIDE_TEST_BROKER_URL")) as wire:
        told, heard = (RabbitTransport(wire.url, names=broker_names) for _ in range(2))
        hearing = consumer(reader, heard, book.reaction())
        await new_transport().declare(hearing.queues)
        async with running(Relay(patients, told, "/patients").run, hearing.run):
            await tell(patients, created("Practitioner/x", 1))
            await eventually(lambda: book.heard_of("Practitioner/x"), [1])
            await wire.down()
            for version in range(2, 6):
                await tell(patients, created("Practitioner/x", version))
            await asyncio.sleep(0.5)
            assert await published(patients) == 1
            await wire.up()
            await eventually(lambda: book.heard_of("Practitioner/x"), [1, 2, 3, 4, 5], within_s=10)
        assert await parked(reader) == []
        await told.close()
        await heard.close()


@pytest.mark.servers
@pytest.mark.parametrize("world", ["servers"])
async def test_connections_cut_again_and_again_neither_lose_nor_repeat(
    world, new_database, new_transport, broker_names, monkeypatch
):
    monkeypatch.setattr(relay, "BACK_OFF_LONGEST_S", 0.2)
    patients, reader = await new_database(), await new_database()
    book = await notebook(reader)
    async with wired(server_url("BEDSIDE_TEST_BROKER_URL")) as wire:
        told, heard = (RabbitTransport(wire.url, names=broker_names) for _ in range(2))
        hearing = consumer(reader, heard, book.reaction())
        await new_transport().declare(hearing.queues)
        async with running(Relay(patients, told, "/patients").run, hearing.run):
            for version in range(1, 61):
                await tell(patients, created("Practitioner/x", version), created(f"Practitioner/{version}"))
                if version % 15 == 0:
                    wire.cut()
                await asyncio.sleep(0.01)
            await eventually(lambda: count(reader, "note"), 120, within_s=15)
            assert await book.heard_of("Practitioner/x") == list(range(1, 61))
        await told.close()
        await heard.close()


@pytest.mark.servers
@pytest.mark.parametrize("world", ["servers"])
async def test_while_the_consumers_database_is_down_nothing_is_parked_and_all_is_applied_when_it_is_up(
    world, new_database, new_transport
):
    patients, reader = await new_database(), await new_database()
    book = await notebook(reader)
    async with wired(reader.url) as wire:
        far = await open_database(wire.url)
        hearing = consumer(far, new_transport(), book.reaction())
        await new_transport().declare(hearing.queues)
        async with running(Relay(patients, new_transport(), "/patients").run, hearing.run):
            await tell(patients, created("Practitioner/x", 1))
            await eventually(lambda: book.heard_of("Practitioner/x"), [1])
            await wire.down()
            await tell(patients, created("Practitioner/x", 2), created("Practitioner/x", 3))
            await asyncio.sleep(0.5)
            await wire.up()
            await eventually(lambda: book.heard_of("Practitioner/x"), [1, 2, 3], within_s=10)
        assert await parked(reader) == []
        await far.close()


async def test_a_reader_disconnected_comes_back(world, database):
    transport = InProcessTransport()
    book = await notebook(database)
    hearing = consumer(database, transport, book.reaction())
    await transport.declare(hearing.queues)
    async with running(hearing.run):
        for number, one in enumerate((event(sequence=n) for n in (1, 2, 3)), 1):
            transport.cut()
            await transport.publish([Outgoing(number, 1, one.id, one.owner, one.routing_key, one.body)])
            await asyncio.sleep(0.02)
        await eventually(lambda: book.heard_of("Practitioner/x"), [1, 2, 3])
