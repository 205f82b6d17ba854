"""Sends traffic at a steady pace and writes down what the broker acknowledged: the sent file."""

import asyncio
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from models.settings import Settings
from streams.delivery.kafka import new_producer
from streams.topics import Topics
from tests.drills.traffic import Sent

RETRY_SECONDS = 0.5
LONGEST_OUTAGE = 120.0
"""A record that no broker took for so long is refused for good: a mistake of the drill."""


@dataclass(frozen=True)
class Acknowledged:
    """A record that the broker has stored, and where."""

    sent: Sent
    partition: int
    offset: int


@dataclass
class Sender:
    """The producer of a drill; it outlives any broker and repeats until a record is stored."""

    settings: Settings
    file: Path
    stored: list[Acknowledged] = field(default_factory=list)
    _producer: Any = None
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def send(self, records: Iterable[Sent], seconds: float) -> None:
        """Send records evenly over so many seconds; returns when all are stored."""
        waiting = list(records)
        began = time.monotonic()
        async with asyncio.TaskGroup() as sending:
            for number, record in enumerate(waiting):
                due = began + seconds * number / max(1, len(waiting))
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                sending.create_task(self._deliver(record))

    async def close(self) -> None:
        """Stop the producer."""
        if (producer := self._producer) is not None:
            self._producer = None
            await producer.stop()

    async def _deliver(self, record: Sent) -> None:
        topic = Topics.of(self.settings.kafka).samples
        end = time.monotonic() + LONGEST_OUTAGE
        while True:
            producer = await self._connected()
            try:
                place = await producer.send_and_wait(
                    topic, record.value, key=record.key, timestamp_ms=record.at
                )
            except KafkaError:
                if time.monotonic() > end:
                    raise
                await self._drop(producer)
                await asyncio.sleep(RETRY_SECONDS)
            else:
                self._note(Acknowledged(record, place.partition, place.offset))
                return

    async def _connected(self) -> AIOKafkaProducer:
        async with self._lock:
            while self._producer is None:
                producer = new_producer(self.settings)
                try:
                    await producer.start()
                    self._producer = producer
                except KafkaError:
                    await producer.stop()
                    await asyncio.sleep(RETRY_SECONDS)
            return self._producer

    async def _drop(self, broken: AIOKafkaProducer) -> None:
        """An idempotent producer that gave a batch up can send no more."""
        async with self._lock:
            if self._producer is broken:
                self._producer = None
                await broken.stop()

    def _note(self, stored: Acknowledged) -> None:
        self.stored.append(stored)
        line = {
            "partition": stored.partition,
            "offset": stored.offset,
            "at": stored.sent.at,
            "name": stored.sent.name,
            "value": stored.sent.value.decode("utf-8", "backslashreplace"),
        }
        with self.file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
