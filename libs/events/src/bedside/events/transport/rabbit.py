"""RabbitMQ by aio-pika. Connections are plain: what to do after a loss is decided by the relay and the consumer."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractExchange, AbstractIncomingMessage
from aio_pika.exceptions import AMQPError, DeliveryError
from aiormq.exceptions import AMQPError as WireError
from yarl import URL

from bedside.events.transport.port import Delivery, Disconnected, Outgoing, Queue
from bedside.events.transport.topology import Names, declare_on

_PUBLISH_TIMEOUT_S = 5.0
_CONNECT_TIMEOUT_S = 5.0
_HEARTBEAT_S = 10
_PREFETCH = 200
# RuntimeError: aio-pika's and aiormq's word for a channel that was closed meanwhile.
_BROKEN = (AMQPError, WireError, ConnectionError, OSError, TimeoutError, RuntimeError)


class _RabbitSubscription:
    def __init__(self, name: str, names: Names) -> None:
        self._name = name
        self._names = names
        # Handlers run concurrently up to prefetch; one serial reader takes from here instead. None: no more will come.
        self._arrived: asyncio.Queue[AbstractIncomingMessage | None] = asyncio.Queue()

    async def on_message(self, message: AbstractIncomingMessage) -> None:
        self._arrived.put_nowait(message)

    def end(self, *_: Any) -> None:
        self._arrived.put_nowait(None)

    async def batch(self, most: int) -> Sequence[Delivery]:
        messages = [await self._arrived.get()]
        while len(messages) < most and not self._arrived.empty():
            messages.append(self._arrived.get_nowait())
        deliveries = [self._delivery(message) for message in messages if message is not None]
        if len(deliveries) < len(messages):
            self.end()
        if not deliveries:
            raise Disconnected(self._name)
        return deliveries

    def _delivery(self, message: AbstractIncomingMessage) -> Delivery:
        count = message.headers.get("x-delivery-count", 1 if message.redelivered else 0)
        redeliveries = count if isinstance(count, int) else 0
        owner = self._names.owner_of(message.exchange or "")
        position, epoch = (_number(message.headers.get(name)) for name in ("position", "epoch"))
        return Delivery(message.body, owner, redeliveries, message, position, epoch)

    async def ack(self, delivery: Delivery) -> None:
        await self._settle(delivery.tag.ack(multiple=True))

    async def reject(self, delivery: Delivery) -> None:
        await self._settle(delivery.tag.reject(requeue=False))

    async def _settle(self, settling: Any) -> None:
        try:
            async with asyncio.timeout(_PUBLISH_TIMEOUT_S):
                await settling
        except _BROKEN as error:
            raise Disconnected(self._name) from error
        except asyncio.CancelledError:
            _cancelled_by_us_or_disconnected(self._name)


class RabbitTransport:
    """`url` is as `amqp://user:password@host:5672/vhost`. Connects when first used, and again after a loss."""

    def __init__(self, url: str, *, names: Names | None = None) -> None:
        self._names = names or Names()
        self._url = URL(url).update_query(heartbeat=str(_HEARTBEAT_S))
        # Separate connections: a broker that is short of memory or disk blocks publishers, never consumers.
        self._publishing: AbstractConnection | None = None
        self._consuming: AbstractConnection | None = None
        self._exchanges: dict[str, AbstractExchange] = {}
        self._channel: AbstractChannel | None = None
        self._opening = asyncio.Lock()

    async def publish(self, wave: Sequence[Outgoing]) -> frozenset[int]:
        try:
            await self._ready_to_publish({event.owner for event in wave})
        except _BROKEN:
            await self._drop_publishing()
            return frozenset()
        outcomes = await asyncio.gather(*(self._confirmed(event) for event in wave))
        if None in outcomes:
            await self._drop_publishing()
        return frozenset(event.position for event, outcome in zip(wave, outcomes, strict=True) if outcome)

    async def _confirmed(self, event: Outgoing) -> bool | None:
        """None when the connection is to be given up."""
        message = aio_pika.Message(
            event.body,
            message_id=event.id,
            content_type="application/cloudevents+json",
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            headers={"position": event.position, "epoch": event.epoch},
        )
        exchange = self._exchanges[event.owner]
        try:
            async with asyncio.timeout(_PUBLISH_TIMEOUT_S):
                await exchange.publish(message, event.routing_key, mandatory=True)
        except DeliveryError:
            # Returned as unroutable, or refused by a full queue: the channel is well.
            return False
        except _BROKEN:
            return None
        except asyncio.CancelledError:
            # A hung broker surfaces as a cancellation that nobody asked for.
            if _we_are_cancelled():
                raise
            return None
        return True

    async def _ready_to_publish(self, owners: set[str]) -> None:
        async with self._opening:
            if self._channel is None or self._channel.is_closed:
                self._exchanges.clear()
                self._publishing = await self._connect()
                self._channel = await self._publishing.channel(publisher_confirms=True, on_return_raises=True)
            for owner in owners - self._exchanges.keys():
                self._exchanges[owner] = await self._channel.get_exchange(self._names.exchange_of(owner), ensure=False)

    async def _drop_publishing(self) -> None:
        connection, self._publishing, self._channel = self._publishing, None, None
        self._exchanges.clear()
        await _close(connection)

    @asynccontextmanager
    async def subscribe(self, queue: Queue) -> AsyncIterator[_RabbitSubscription]:
        subscription = _RabbitSubscription(queue.name, self._names)
        channel: AbstractChannel | None = None
        try:
            try:
                channel = await self._consuming_channel()
                channel.close_callbacks.add(subscription.end)
                await self._consume(channel, queue, subscription)
            except _BROKEN as error:
                raise Disconnected(queue.name) from error
            except asyncio.CancelledError:
                _cancelled_by_us_or_disconnected(queue.name)
            yield subscription
        finally:
            if channel is not None:
                await _close(channel)

    async def _consuming_channel(self) -> AbstractChannel:
        async with self._opening:
            if self._consuming is None or not self._consuming.connected.is_set():
                # A plain connection that was lost does not call itself closed.
                await _close(self._consuming)
                self._consuming = await self._connect()
        async with asyncio.timeout(_CONNECT_TIMEOUT_S):
            return await self._consuming.channel()

    async def _consume(self, channel: AbstractChannel, queue: Queue, subscription: _RabbitSubscription) -> None:
        async with asyncio.timeout(_CONNECT_TIMEOUT_S):
            await channel.set_qos(prefetch_count=_PREFETCH)
            if queue.shared:
                # Only looked up: services never declare what they share.
                read = await channel.get_queue(self._names.queue(queue), ensure=True)
            else:
                read = await channel.declare_queue(self._names.queue(queue), exclusive=True, auto_delete=True)
                for binding in queue.bindings:
                    await read.bind(self._names.exchange_of(binding.owner), binding.pattern)
            wire = await channel.get_underlay_channel()
            wire.on_consumer_cancel_callbacks.add(subscription.end)
            await read.consume(subscription.on_message)

    async def declare(self, queues: Sequence[Queue]) -> None:
        """Disconnected when there is no broker. ValueError when something exists with other arguments."""
        connection = None
        try:
            connection = await self._connect()
            await declare_on(await connection.channel(), self._names, queues)
        except aio_pika.exceptions.ChannelPreconditionFailed as error:
            raise ValueError(f"the broker holds other arguments: {error}") from error
        except _BROKEN as error:
            raise Disconnected("the broker cannot be reached") from error
        finally:
            await _close(connection)

    async def close(self) -> None:
        await self._drop_publishing()
        await _close(self._consuming)

    async def _connect(self) -> AbstractConnection:
        async with asyncio.timeout(_CONNECT_TIMEOUT_S):
            return await aio_pika.connect(self._url, timeout=_CONNECT_TIMEOUT_S)


def _number(header: object) -> int:
    return header if isinstance(header, int) else 0


def _we_are_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _cancelled_by_us_or_disconnected(name: str) -> None:
    if _we_are_cancelled():
        raise asyncio.CancelledError
    raise Disconnected(name)


async def _close(closable: AbstractConnection | AbstractChannel | None) -> None:
    if closable is not None:
        with suppress(*_BROKEN):
            async with asyncio.timeout(_CONNECT_TIMEOUT_S):
                await closable.close()
