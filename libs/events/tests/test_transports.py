"""One contract for both transports: at least once, in order, confirmed only when every bound queue has it."""

import asyncio

import pytest
from telling import event
from wire import wired

from bedside.events import InProcessTransport, declare_topology
from bedside.events.transport import Binding, Disconnected, Outgoing, Queue
from bedside.events.transport.rabbit import RabbitTransport
from conftest import server_url

Q = Queue("q", (Binding("patients", "resource"),))
R = Queue("r", (Binding("patients", "resource"), Binding("encounters", "resource")))


def wave(*sequences: int, owner: str = "patients", routing_key: str = "resource.created.v1") -> list[Outgoing]:
    made = {sequence: event(sequence=sequence) for sequence in sequences}
    return [Outgoing(sequence, 1, one.id, owner, routing_key, one.body) for sequence, one in made.items()]


async def take(subscription, count: int) -> list[tuple[bytes, str]]:
    taken = []
    while len(taken) < count:
        for delivery in await asyncio.wait_for(subscription.batch(100), 5):
            taken.append((delivery.body, delivery.owner))
            last = delivery
    await subscription.ack(last)
    return taken


async def test_a_published_event_reaches_every_queue_bound_to_its_family_and_owner(world, new_transport):
    transport = new_transport()
    await transport.declare([Q, R])
    first, second = wave(1), wave(2, owner="encounters")
    assert await transport.publish(first) == {1}
    assert await transport.publish(second) == {2}
    async with transport.subscribe(Q) as q, transport.subscribe(R) as r:
        assert await take(q, 1) == [(first[0].body, "patients")]
        assert await take(r, 2) == [(first[0].body, "patients"), (second[0].body, "encounters")]


async def test_a_fact_that_nobody_waits_for_is_confirmed_once_the_topology_stands(world, new_transport):
    transport = new_transport()
    await transport.declare([Q])
    assert await transport.publish(wave(1, routing_key="patient.merged.v1")) == {1}


async def test_nothing_is_confirmed_before_the_topology_stands(world, new_transport):
    assert await new_transport().publish(wave(1)) == frozenset()


async def test_events_keep_their_order(world, new_transport):
    transport = new_transport()
    await transport.declare([Q])
    sent = [wave(number) for number in range(1, 51)]
    for one in sent:
        assert await transport.publish(one)
    async with transport.subscribe(Q) as q:
        assert [body for body, _ in await take(q, 50)] == [one[0].body for one in sent]


async def test_what_was_not_acknowledged_comes_again_in_order_and_says_so(world, new_transport):
    await new_transport().declare([Q])
    for number in (1, 2, 3):
        await new_transport().publish(wave(number))
    async with new_transport().subscribe(Q) as q:
        first = [delivery for _ in range(3) for delivery in await asyncio.wait_for(q.batch(1), 5)]
        assert [delivery.redeliveries for delivery in first] == [0, 0, 0]
        await q.ack(first[0])
    async with new_transport().subscribe(Q) as q:
        again = [delivery for _ in range(2) for delivery in await asyncio.wait_for(q.batch(1), 5)]
    assert [delivery.body for delivery in again] == [delivery.body for delivery in first[1:]]
    assert all(delivery.redeliveries >= 1 for delivery in again)


async def test_one_reader_at_a_time_and_the_next_takes_over(world, new_transport):
    await new_transport().declare([Q])
    heard: dict[str, list[bytes]] = {"first": [], "second": []}

    async def read(name: str) -> None:
        async with new_transport().subscribe(Q) as q:
            while True:
                for delivery in await q.batch(10):
                    heard[name].append(delivery.body)
                    await q.ack(delivery)

    first = asyncio.ensure_future(read("first"))
    await asyncio.sleep(0.2)
    second = asyncio.ensure_future(read("second"))
    await asyncio.sleep(0.2)
    publisher = new_transport()
    await publisher.publish(wave(1))
    await publisher.publish(wave(2))
    await asyncio.sleep(0.2)
    assert (len(heard["first"]), len(heard["second"])) == (2, 0)
    first.cancel()
    await asyncio.wait([first])
    await publisher.publish(wave(3))
    await asyncio.sleep(0.3)
    assert (len(heard["first"]), len(heard["second"])) == (2, 1)
    second.cancel()
    await asyncio.wait([second])


async def test_an_instances_own_queue_hears_only_while_it_listens(world, new_transport):
    transport = new_transport()
    await transport.declare([])
    mine = Queue("mine", (Binding("patients", "resource"),), shared=False)
    await transport.publish(wave(1))
    async with transport.subscribe(mine) as listening:
        sent = wave(2)
        await transport.publish(sent)
        assert await take(listening, 1) == [(sent[0].body, "patients")]


async def test_a_rejected_event_does_not_come_again(world, new_transport):
    await new_transport().declare([Q])
    await new_transport().publish(wave(1))
    await new_transport().publish(wave(2))
    async with new_transport().subscribe(Q) as q:
        [bad] = await asyncio.wait_for(q.batch(1), 5)
        await q.reject(bad)
        [good] = await asyncio.wait_for(q.batch(1), 5)
        await q.ack(good)
    assert good.body != bad.body


async def test_declaring_again_changes_nothing(world, new_transport):
    await new_transport().declare([Q])
    await new_transport().publish(wave(1))
    await new_transport().declare([Q, R])
    async with new_transport().subscribe(Q) as q:
        assert len(await take(q, 1)) == 1


async def test_a_full_queue_in_the_process_confirms_nothing_more():
    transport = InProcessTransport(capacity=2)
    await transport.declare([Q])
    assert [await transport.publish(wave(number)) for number in (1, 2, 3)] == [{1}, {2}, frozenset()]
    async with transport.subscribe(Q) as q:
        await take(q, 2)
    assert await transport.publish(wave(3)) == {3}


async def test_a_cut_reader_is_told_and_can_begin_again():
    transport = InProcessTransport()
    await transport.declare([Q])
    async with transport.subscribe(Q) as q:
        waiting = asyncio.ensure_future(q.batch(1))
        await asyncio.sleep(0)
        transport.cut()
        with pytest.raises(Disconnected):
            await waiting
    await transport.publish(wave(1))
    async with transport.subscribe(Q) as q:
        assert len(await take(q, 1)) == 1


@pytest.mark.servers
@pytest.mark.parametrize("world", ["servers"])
async def test_a_broker_that_is_cut_off_confirms_nothing_and_disconnects_readers_until_it_is_back(
    world, new_transport, broker_names
):
    await new_transport().declare([Q])
    async with wired(server_url("BEDSIDE_TEST_BROKER_URL")) as wire:
        transport = RabbitTransport(wire.url, names=broker_names)
        assert await transport.publish(wave(1)) == {1}
        async with transport.subscribe(Q) as q:
            await take(q, 1)
            await wire.down()
            with pytest.raises(Disconnected):
                await asyncio.wait_for(q.batch(1), 5)
        assert await transport.publish(wave(2)) == frozenset()
        with pytest.raises(Disconnected):
            async with transport.subscribe(Q):
                pass
        await wire.up()
        [later] = wave(2)
        assert await transport.publish([later]) == {2}
        async with transport.subscribe(Q) as q:
            # The first may come again: the cut may have taken its acknowledgement.
            bodies = [body for body, _ in await take(q, 1)]
            while later.body not in bodies:
                bodies += [body for body, _ in await take(q, 1)]
        await transport.close()


@pytest.mark.servers
@pytest.mark.parametrize("world", ["servers"])
async def test_a_frozen_broker_confirms_nothing_within_the_timeout(world, new_transport, broker_names, monkeypatch):
    monkeypatch.setattr("bedside.events.transport.rabbit._PUBLISH_TIMEOUT_S", 0.3)
    monkeypatch.setattr("bedside.events.transport.rabbit._CONNECT_TIMEOUT_S", 0.5)
    await new_transport().declare([Q])
    async with wired(server_url("BEDSIDE_TEST_BROKER_URL")) as wire:
        transport = RabbitTransport(wire.url, names=broker_names)
        assert await transport.publish(wave(1)) == {1}
        wire.freeze()
        assert await asyncio.wait_for(transport.publish(wave(2)), 5) == frozenset()
        wire.thaw()
        assert await asyncio.wait_for(transport.publish(wave(3)), 5) == {3}
        await transport.close()


@pytest.mark.servers
@pytest.mark.parametrize("world", ["servers"])
async def test_a_queue_that_is_not_there_is_not_made_by_its_reader(world, new_transport):
    with pytest.raises(Disconnected):
        async with new_transport().subscribe(Q):
            pass


@pytest.mark.servers
@pytest.mark.parametrize("world", ["servers"])
async def test_a_queue_deleted_under_its_reader_disconnects_it(world, new_transport, broker_names):
    import aio_pika

    await new_transport().declare([Q])
    async with new_transport().subscribe(Q) as q:
        connection = await aio_pika.connect(server_url("BEDSIDE_TEST_BROKER_URL"))
        await (await connection.channel()).queue_delete(broker_names.queue(Q))
        await connection.close()
        with pytest.raises(Disconnected):
            await asyncio.wait_for(q.batch(1), 5)


async def test_a_topology_without_a_broker_says_so(unused_tcp_port):
    with pytest.raises(Disconnected):
        await declare_topology(f"amqp://guest:guest@127.0.0.1:{unused_tcp_port}/", [Q])
