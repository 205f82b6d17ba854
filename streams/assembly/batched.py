"""Stages on a plain consumer: read a batch, work it, commit."""

import asyncio
from collections.abc import Coroutine, Sequence
from functools import partial
from typing import Any

from models.errors import BrokerUnavailable
from streams.assembly.ground import Ground, Running
from streams.delivery import batches
from streams.delivery.batches import Pace, Work, run_batches
from streams.delivery.kafka import group_of, new_consumer, new_producer, reach
from streams.delivery.records import Output, Send
from streams.process.health import Pulse, beat, tell_spend
from streams.process.watchdog import watched


def consumer_of(here: Ground) -> Any:
    """The stage's consumer, a static member of its group; not started."""
    slot = f"{here.stage}-{here.settings.slot}"
    group = group_of(here.settings.kafka, here.stage)
    return new_consumer(here.settings, group, group_instance_id=slot)


def batched(here: Ground, topics: Sequence[str], work: Work) -> Running:
    """What runs a batch stage: its loop and its heartbeat; what it spent is told at its end."""
    return batched_on(here, consumer_of(here), topics, work)


def batched_on(here: Ground, consumer: Any, topics: Sequence[str], work: Work) -> Running:
    """The same on a consumer that the stage itself knows."""
    kafka, delivery = here.settings.kafka, here.settings.delivery
    here.stack.push_async_callback(tell_spend, here.store, here.vitals)
    pace = Pace(delivery.batch_rows, delivery.batch_ms, kafka.incarnation, delivery.batch_bytes)
    pulse = Pulse(here.vitals, partial(batches.lag_of, consumer), delivery.health_seconds)
    unfinished = partial(batches.unfinished_of, consumer, here.vitals)
    return [
        _named(run_batches(consumer, topics, work, pace, here.vitals), here),
        beat(here.store, pulse),
        watched(here.vitals, unfinished, delivery.stall_seconds),
    ]


async def sender_of(here: Ground) -> Send:
    """What the stage sends by; its producer stops with the stage.

    Raises:
        BrokerUnavailable: the broker does not answer.
    """
    producer = new_producer(here.settings)
    await reach(producer, here.settings)
    here.stack.push_async_callback(producer.stop)

    async def send(outputs: Sequence[Output]) -> None:
        sent: list[asyncio.Future[Any]] = [
            await producer.send(o.topic, o.value, key=o.key, headers=list(o.headers))
            for o in outputs
        ]
        await asyncio.gather(*sent)
        here.vitals.emitted += len(sent)

    return send


async def _named(running: Coroutine[Any, Any, None], here: Ground) -> None:
    try:
        await running
    except ConnectionError as exc:
        raise BrokerUnavailable(f"Kafka at {here.settings.kafka.bootstrap}: {exc}") from exc
