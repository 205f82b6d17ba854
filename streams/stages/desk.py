"""Desk: from `reviews` into the queue that people work.

How far `reviews` was read stands in the queue's own database, written with the items. A database
restored from a backup knows less than the group's commits say: then reading goes back to where it
stands. Enqueueing again what is there already changes nothing.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Protocol

from aiokafka import TopicPartition
from pydantic import ValidationError

from models.errors import InvalidRecord
from models.review import ReviewTask
from streams.delivery.batches import Batch
from streams.delivery.dead_letter_limit import DeadLetterLimit
from streams.delivery.dead_letters import Bury, Identity
from streams.delivery.records import Incoming, Output, Send
from streams.desk.queue import Arrival
from streams.process.vitals import Vitals

log = logging.getLogger(__name__)

Positions = Mapping[tuple[str, int], int]
"""The next offset of each topic and partition."""


class Log(Protocol):
    """What the stage needs of its consumer."""

    def assignment(self) -> AbstractSet[TopicPartition]:
        """The partitions that are this process's."""

    async def position(self, partition: TopicPartition) -> int:
        """The next offset it reads there."""

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Read on from there."""


@dataclass(frozen=True)
class Ports:
    """What the stage moves records with.

    Attributes:
        enqueue: puts items into the queue, with how far was read; how many were new.
        positions: how far the queue knows `reviews`.
        send: returns once the broker has stored the outputs.
    """

    enqueue: Callable[[Sequence[Arrival], Positions], Awaitable[int]]
    positions: Callable[[], Awaitable[Positions]]
    send: Send
    bury: Bury


class DeskStage:
    """Works batches of `reviews`."""

    def __init__(self, ports: Ports, log: Log, vitals: Vitals, limit: DeadLetterLimit) -> None:
        """Bind to the queue and to the consumer that reads for it."""
        self.ports = ports
        self.log = log
        self.vitals = vitals
        self.limit = limit
        self.epoch = -1
        self.checked: set[TopicPartition] = set()

    async def work(self, batch: Batch) -> bool:
        """Put a batch into the queue; true when its offsets may be committed.

        Raises:
            TooManyDeadLetters: most of `reviews` cannot be read; this batch is untouched.
            Unavailable: the queue's database is away.
        """
        if batch.epoch != self.epoch:
            self.epoch = batch.epoch
            self.checked.clear()
        again = await self._gone_back(batch)
        records = [record for record in batch.records if _place(record) not in again]
        if records:
            await self._enqueue(records)
        return not again

    async def _gone_back(self, batch: Batch) -> set[TopicPartition]:
        """Of newly assigned partitions, those read further than the queue knows: they go back."""
        fresh = set(self.log.assignment()) - self.checked
        if not fresh:
            return set()
        first: dict[TopicPartition, int] = {}
        for record in batch.records:
            first.setdefault(_place(record), record.source.offset)
        known = await self.ports.positions()
        again = set()
        for place in sorted(fresh):
            at = first[place] if place in first else await self.log.position(place)
            wanted = known.get((place.topic, place.partition), at)
            if wanted < at:
                log.warning("%s/%d: read again from %d to %d", *place, wanted, at)
                self.log.seek(place, wanted)
                again.add(place)
        self.checked |= fresh
        return again

    async def _enqueue(self, records: Sequence[Incoming]) -> None:
        arrivals: list[Arrival] = []
        letters: list[Output] = []
        for record in records:
            try:
                task = _read(record)
            except InvalidRecord as exc:
                self.limit.bury(exc)
                letters.append(self.ports.bury(record, exc, 1))
            else:
                arrivals.append(Arrival(task, record.key, record.source.partition))
        positions = {_place(record): record.source.offset + 1 for record in records}
        await self.ports.send(letters)
        new = await self.ports.enqueue(arrivals, {tuple(p): at for p, at in positions.items()})
        self.limit.settled(len(arrivals))
        self.vitals.dead_letters += len(letters)
        self.vitals.skipped += len(arrivals) - new


def _place(record: Incoming) -> TopicPartition:
    return TopicPartition(record.source.topic, record.source.partition)


def _read(record: Incoming) -> ReviewTask:
    try:
        return ReviewTask.model_validate_json(record.value)
    except ValidationError as exc:
        message = f"not a record of `reviews`: {exc.error_count()} errors"
        raise InvalidRecord(message) from exc


def identify(record: Incoming) -> Identity:
    """The sample behind a record of `reviews`, for dead letters: none where it cannot be read."""
    try:
        task = _read(record)
    except InvalidRecord:
        return Identity("", record.source)
    return Identity(task.sample_key, task.source, task.sample.task, task.sample.run)
