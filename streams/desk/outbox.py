"""Publishing: what became final at the desk goes to `decisions`, in order, until the broker has it.

Rows are deleted only after the broker acknowledged them, so a crash sends some again; their ids are
made from content, so every reader counts those as repeats.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from models.errors import BrokerUnavailable, Unavailable
from streams.desk import queue
from streams.desk.queue import OutboxRow
from streams.process.containment import CancelledWithin, contained
from streams.process.vitals import Vitals
from streams.store.outages import Outages

log = logging.getLogger(__name__)

MOST = 500
POLL_SECONDS = 0.2
PAUSE_SECONDS = 1.0
STOP_SECONDS = 3.0
"""A producer whose broker is away is left behind after that."""


@dataclass(frozen=True)
class Publisher:
    """What publishing needs; `new_producer` makes one that is not started."""

    desk: queue.Desk
    topic: str
    new_producer: Callable[[], AIOKafkaProducer]
    vitals: Vitals

    async def run(self) -> None:
        """Publish for ever; a broker or a database that is away is waited for.

        A producer that can send nothing any more is replaced: the API must not end with it.
        """
        outages = Outages(log, "decisions wait in the outbox")
        while True:
            try:
                await self._with_one_producer(outages)
            except Unavailable as exc:
                self.vitals.retries += 1
                self.vitals.waits(str(exc), time.monotonic())
                outages.met(exc)
            await asyncio.sleep(PAUSE_SECONDS)

    async def _with_one_producer(self, outages: Outages) -> None:
        """Publish until the producer fails.

        Raises:
            Unavailable: the broker or the queue's database is away.
        """
        producer = self.new_producer()
        try:
            await contained(producer.start())
            while True:
                rows = await asyncio.to_thread(queue.waiting_messages, self.desk, MOST)
                if rows:
                    await self._publish(producer, rows)
                else:
                    await asyncio.sleep(POLL_SECONDS)
                outages.over()
        except (KafkaError, CancelledWithin) as exc:
            raise BrokerUnavailable(f"the broker does not store decisions: {exc!r}") from exc
        finally:
            await _left(producer)

    async def _publish(self, producer: AIOKafkaProducer, rows: Sequence[OutboxRow]) -> None:
        """Send rows in order and delete them once all are stored.

        None is in flight any more when this ends, so the next attempt begins with the same first.
        """
        sent = [
            await producer.send(self.topic, row.value, key=row.key, partition=row.partition)
            for row in rows
        ]
        ends = await contained(asyncio.gather(*sent, return_exceptions=True))
        for end in ends:
            if isinstance(end, BaseException):
                raise end
        await asyncio.to_thread(queue.sent, self.desk, [row.seq for row in rows])
        self.vitals.emitted += len(rows)
        self.vitals.note = ""


async def _left(producer: AIOKafkaProducer) -> None:
    with suppress(KafkaError, TimeoutError):
        async with asyncio.timeout(STOP_SECONDS):
            await producer.stop()
