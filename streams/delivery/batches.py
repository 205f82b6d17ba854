"""Batches: a plain consumer's loop of read, work, commit, for stages that call no model.

A batch is worked again until it succeeds, and committed only if the partitions are still those it
was read under; so every record is worked at least once, and the work must bear repetition.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError

from models.errors import Unavailable
from streams.delivery.kafka import BROKEN, MAX_RECORD, REFUSED
from streams.delivery.records import Incoming, incoming
from streams.process.vitals import Vitals

log = logging.getLogger(__name__)

Offsets = dict[TopicPartition, int]

REST = 3.0
"""Times as long as a batch was worked, the next one gathers: little traffic waits for nothing, and
work that has a fixed cost takes a quarter of the time at most until batches are full."""


@dataclass(frozen=True)
class Batch:
    """Records in the order they were read, and the offsets to commit once they are worked.

    Attributes:
        epoch: counts the assignments this process has had.
    """

    records: Sequence[Incoming]
    offsets: Offsets
    epoch: int


Work = Callable[[Batch], Awaitable[bool]]
"""Works a batch; true when everything up to its offsets may be committed."""


class _Epochs(ConsumerRebalanceListener):  # type: ignore[misc]
    """Counts assignments, so that offsets read under an old one are never committed."""

    def __init__(self) -> None:
        self.number = 0

    async def on_partitions_revoked(self, revoked: Any) -> None:
        self.number += 1

    async def on_partitions_assigned(self, assigned: Any) -> None:
        """Nothing to do: the number has moved already."""


@dataclass(frozen=True)
class Pace:
    """How much one batch gathers: up to so many rows or bytes, whatever comes within the time."""

    rows: int
    within_ms: int
    incarnation: int
    size: int = 16_000_000


async def run_batches(
    consumer: Any, topics: Sequence[str], work: Work, pace: Pace, vitals: Vitals
) -> None:
    """Read, work and commit for ever; ends when its task is cancelled.

    The consumer comes made but not started, without auto-commit; it is stopped at the end.
    """
    epochs = _Epochs()
    consumer.subscribe(list(topics), listener=epochs)
    await consumer.start()
    pending: Offsets = {}
    rest_until = 0.0
    try:
        while True:
            epoch = epochs.number
            batch = await _gather(consumer, epochs, pace, rest_until)
            if batch.epoch != epoch:
                pending = {}
            vitals.received += len(batch.records)
            vitals.in_flight = len(batch.records)
            began = time.monotonic()
            done = await _persist(work, batch, vitals)
            vitals.in_flight = 0
            rest_until = time.monotonic() + REST * (time.monotonic() - began)
            pending |= batch.offsets
            if epochs.number != batch.epoch:
                pending = {}
            elif done and pending:
                await _commit(consumer, pending)
                pending = {}
    finally:
        await consumer.stop()


async def _gather(consumer: Any, epochs: _Epochs, pace: Pace, rest_until: float) -> Batch:
    """Up to `rows` records or `size` bytes, under one assignment; empty when none came in time.

    What came is handed on at once, but neither before `rest_until` nor later than the time.
    """
    records: list[Incoming] = []
    offsets: Offsets = {}
    epoch, size = epochs.number, 0
    end = time.monotonic() + pace.within_ms / 1000
    while room := _room(pace, len(records), size):
        left = (min(rest_until, end) if records else end) - time.monotonic()
        if left <= 0:
            break
        got = await consumer.getmany(timeout_ms=max(1, int(left * 1000)), max_records=room)
        if epochs.number != epoch:  # what was gathered comes again, to whoever owns it now
            epoch, offsets, records, size = epochs.number, {}, [], 0
        for tp, part in got.items():
            offsets[tp] = part[-1].offset + 1
            records.extend(incoming(record, pace.incarnation) for record in part)
            size += sum(len(record.value or b"") for record in part)
    return Batch(records, offsets, epoch)


def _room(pace: Pace, rows: int, size: int) -> int:
    """How many records of any size fit still.

    >>> _room(Pace(100, 1, 0, size=8_000_000), 90, 500), _room(Pace(100, 1, 0), 0, 16_000_000)
    (7, 0)
    """
    fit = 0 if size >= pace.size else max(1, (pace.size - size) // MAX_RECORD)
    return min(pace.rows - rows, fit)


async def _persist(work: Work, batch: Batch, vitals: Vitals) -> bool:
    """Work the batch until it succeeds; only what is elsewhere down is waited for.

    What can never be sent, and a producer that can send nothing any more, are raised.
    """
    failures = 0
    while True:
        try:
            done = await work(batch)
        except (*BROKEN, *REFUSED):
            raise
        except (Unavailable, KafkaError) as exc:
            failures += 1
            vitals.retries += 1
            vitals.waits(str(exc), time.monotonic())
            if failures == 1:
                log.warning("waiting: %s", exc)
            await asyncio.sleep(min(5.0, 0.2 * 2 ** min(failures, 8)) * random.uniform(0.5, 1))
        else:
            if failures:
                log.warning("goes on after %d attempts", failures)
            vitals.note = ""
            if batch.records:
                vitals.progressed_at = time.monotonic()
            return done


async def _commit(consumer: Any, offsets: Offsets) -> None:
    try:
        await consumer.commit(offsets)
    except KafkaError as exc:  # the records come again, and are known then
        log.warning("commit refused, records will repeat: %r", exc)


async def unfinished_of(consumer: Any, vitals: Vitals) -> int:
    """Records this process has not read yet or has in work.

    By its own position, not the last commit: what ends a topic need not be a record.
    """
    partitions = list(consumer.assignment())
    ends = await consumer.end_offsets(partitions) if partitions else {}
    unread = [max(0, ends[tp] - await consumer.position(tp)) for tp in partitions]
    return int(sum(unread)) + vitals.in_flight


async def lag_of(consumer: Any) -> int | None:
    """Records behind what is committed, over this process's partitions; none before a commit."""
    behind = 0
    known = False
    partitions = list(consumer.assignment())
    ends = await consumer.end_offsets(partitions) if partitions else {}
    for tp in partitions:
        committed = await consumer.committed(tp)
        if committed is not None:
            known = True
            behind += max(0, ends[tp] - committed)
    return behind if known else None
