"""Stages on a plain consumer: read a batch, work it, commit."""

from collections.abc import Coroutine, Sequence
from functools import partial
from typing import Any

from models.errors import BrokerUnavailable
from streams.assembly.ground import Ground, Running
from streams.delivery import batches
from streams.delivery.batches import Pace, Work, run_batches
from streams.delivery.kafka import group_of, new_consumer
from streams.process.health import Pulse, beat, tell_spend
from streams.process.watchdog import watched


def batched(here: Ground, topics: Sequence[str], work: Work) -> Running:
    """What runs a batch stage: its loop and its heartbeat; what it spent is told at its end."""
    kafka, delivery = here.settings.kafka, here.settings.delivery
    slot = f"{here.stage}-{here.settings.slot}"
    group = group_of(kafka, here.stage)
    consumer = new_consumer(here.settings, group, group_instance_id=slot)
    here.stack.push_async_callback(tell_spend, here.store, here.vitals)
    pace = Pace(delivery.batch_rows, delivery.batch_ms, kafka.incarnation, delivery.batch_bytes)
    pulse = Pulse(here.vitals, partial(batches.lag_of, consumer), delivery.health_seconds)
    unfinished = partial(batches.unfinished_of, consumer, here.vitals)
    return [
        _named(run_batches(consumer, topics, work, pace, here.vitals), here),
        beat(here.store, pulse),
        watched(here.vitals, unfinished, delivery.stall_seconds),
    ]


async def _named(running: Coroutine[Any, Any, None], here: Ground) -> None:
    try:
        await running
    except ConnectionError as exc:
        raise BrokerUnavailable(f"Kafka at {here.settings.kafka.bootstrap}: {exc}") from exc
