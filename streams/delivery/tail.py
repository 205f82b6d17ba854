"""Reading the end of a stage's own output: what a former life of this stage had finished."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from aiokafka import TopicPartition

from streams.delivery.records import headers_of

log = logging.getLogger(__name__)

SOURCE = "tidegauge-source"
LAST = "tidegauge-last"
PATIENCE = 10.0
"""Seconds without a further record after which the rest of the tails is given up."""

NewReader = Callable[[], Any]
Positions = set[bytes]
Asked = dict[int, "asyncio.Future[Positions]"]


class Tails:
    """The input positions whose last output is among the newest records of a stage's topics.

    One client reads the tails of all partitions of an assignment, and each partition can be worked
    as soon as its own are read. A position that is missed is only worked again, so a tail that
    cannot be read is a warning.
    """

    def __init__(self, reader: NewReader, topics: Sequence[str], count: int) -> None:
        """Read up to `count` records of each of the topics' partitions, when asked to."""
        self._reader = reader
        self._topics = topics
        self._count = count
        self._found: dict[int, asyncio.Future[Positions]] = {}
        self._reading: set[asyncio.Task[None]] = set()

    def assigned(self, partitions: Iterable[int]) -> None:
        """Forget what was known and read the tails of these partitions."""
        for task in self._reading:
            task.cancel()
        self._found = {}
        self._start(sorted(set(partitions)))

    def of(self, partition: int) -> "asyncio.Future[Positions]":
        """What the tails of one partition say; the same future for as long as it is assigned."""
        if partition not in self._found:
            self._start([partition])
        return self._found[partition]

    def _start(self, partitions: Sequence[int]) -> None:
        loop = asyncio.get_running_loop()
        asked = {number: loop.create_future() for number in partitions}
        self._found.update(asked)
        found: dict[int, Positions] = {number: set() for number in asked}
        task = asyncio.create_task(self._read(asked, found))
        self._reading.add(task)

        def ended(_: "asyncio.Task[None]") -> None:
            """Let nobody wait for what is not read any more, even if the task never began."""
            self._reading.discard(task)
            for number, known in asked.items():
                if not known.done():
                    known.set_result(found[number])

        task.add_done_callback(ended)

    async def _read(self, asked: Asked, found: dict[int, Positions]) -> None:
        if not (self._count and asked):
            return
        try:
            async with asyncio.timeout(PATIENCE) as patience:
                await self._follow(asked, found, patience)
        except Exception as exc:  # any failure here costs repeated work, never a record
            left = [number for number, known in asked.items() if not known.done()]
            log.warning("tails of partitions %s are unread, answers may repeat: %r", left, exc)

    async def _follow(
        self, asked: Asked, found: dict[int, Positions], patience: asyncio.Timeout
    ) -> None:
        """Read every tail to the end it has now; a partition is settled when all its tails are."""
        now = asyncio.get_running_loop().time
        consumer = self._reader()
        await consumer.start()
        try:
            wanted = [TopicPartition(topic, number) for topic in self._topics for number in asked]
            consumer.assign(wanted)
            first = await consumer.beginning_offsets(wanted)
            end = await consumer.end_offsets(wanted)
            for tp in wanted:
                consumer.seek(tp, max(first[tp], end[tp] - self._count))
            left = set(wanted)
            while True:
                left = {tp for tp in left if await consumer.position(tp) < end[tp]}
                busy = {tp.partition for tp in left}
                for number, known in asked.items():
                    if number not in busy and not known.done():
                        known.set_result(found[number])
                if not left:
                    return
                for tp, records in (await consumer.getmany(*left, timeout_ms=200)).items():
                    found[tp.partition].update(filter(None, map(_finished, records)))
                    patience.reschedule(now() + PATIENCE)
        finally:
            await consumer.stop()


def _finished(record: Any) -> bytes | None:
    """The input position that a record is the last output of."""
    headers = dict(headers_of(record.headers))
    return headers.get(SOURCE) if LAST in headers else None
