"""Samples onto the topic: acknowledged by the broker, never faster than it can keep them."""

import asyncio
import itertools
import os
import select
import threading
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from aiokafka.partitioner import DefaultPartitioner

from models.errors import BrokerUnavailable
from models.settings import SampleFields, Settings
from streams.cli.traffic import Bad, Good
from streams.delivery.kafka import new_producer, reach
from streams.topics import Topics
from streams.wire import as_record

OUTSTANDING = 1000
LINES_AT_ONCE = 256
_READ = 1 << 16
_LOOK_SECONDS = 0.2
_BY_KEY = DefaultPartitioner()


class Audience(Protocol):
    """Who is told how a sending goes."""

    def sent(self, line: Good) -> None:
        """The broker has stored this line's sample."""

    def skipped(self, line: Bad) -> None:
        """This line is no sample."""


Brake = Callable[[int, int], Awaitable[None]]
"""Told that a partition got so many bytes; returns when it can take more."""


async def no_brake(partition: int, size: int) -> None:
    """The brake of a broker that keeps what it is given."""


@dataclass
class Rate:
    """Spreads records evenly over time.

    Attributes:
        per_second: none means as fast as the broker takes them.
    """

    per_second: float | None
    started: float = 0.0
    count: int = 0

    async def wait(self) -> None:
        """Return when the next record is due."""
        if self.per_second is None:
            return
        clock = asyncio.get_running_loop().time
        self.started = self.started or clock()
        due = self.started + self.count / self.per_second
        self.count += 1
        if (ahead := due - clock()) > 0:
            await asyncio.sleep(ahead)


async def send_samples(
    settings: Settings,
    lines: AsyncIterator[Good | Bad],
    audience: Audience,
    rate: Rate,
    brake: Brake = no_brake,
) -> None:
    """Put every good line on `samples` and return when the broker has stored them all.

    Raises:
        BrokerUnavailable: a record was not acknowledged; the text names its line.
    """
    producer = new_producer(settings)
    await reach(producer, settings)
    topic = Topics.of(settings.kafka).samples
    partitions = sorted(await producer.partitions_for(topic))
    sender = _Sender(producer, topic, partitions, settings.kafka.fields, audience, brake)
    try:
        async for line in lines:
            if isinstance(line, Bad):
                audience.skipped(line)
            else:
                await rate.wait()
                await sender.send(line)
        await sender.settle(0)
    finally:
        await producer.stop()


@dataclass
class _Sender:
    """Sends lines and waits for the oldest when too many are unacknowledged."""

    producer: AIOKafkaProducer
    topic: str
    partitions: list[int]
    fields: SampleFields
    audience: Audience
    brake: Brake
    waiting: deque[tuple[Good, asyncio.Future[Any]]] = field(default_factory=deque)

    async def send(self, line: Good) -> None:
        key, value = line.sample.id.encode(), as_record(line.sample, self.fields)
        partition = _BY_KEY(key, self.partitions, self.partitions)
        try:
            future = await self.producer.send(self.topic, value, key=key, partition=partition)
        except MessageSizeTooLargeError:
            self.audience.skipped(Bad(line.number, "is larger than a record may be (1 MB)"))
            return
        except KafkaError as exc:
            raise BrokerUnavailable(f"line {line.number} was not taken: {exc!r}") from exc
        self.waiting.append((line, future))
        await self.brake(partition, len(key) + len(value))
        await self.settle(OUTSTANDING)

    async def settle(self, allowed: int) -> None:
        """Wait until at most `allowed` records are unacknowledged."""
        while self.waiting and (len(self.waiting) > allowed or self.waiting[0][1].done()):
            line, future = self.waiting.popleft()
            try:
                await future
            except KafkaError as exc:
                raise BrokerUnavailable(f"line {line.number} was not stored: {exc!r}") from exc
            self.audience.sent(line)


async def from_file(lines: Iterator[Good | Bad]) -> AsyncIterator[Good | Bad]:
    """The lines of a file, parsed beside the event loop."""
    while batch := await asyncio.to_thread(lambda: list(itertools.islice(lines, LINES_AT_ONCE))):
        for line in batch:
            yield line


async def from_pipe(
    lines: Iterator[Good | Bad], stop: threading.Event
) -> AsyncIterator[Good | Bad]:
    """The lines of a pipe, each as soon as it is there; `stop` is set at the end."""
    try:
        while (line := await asyncio.to_thread(next, lines, None)) is not None:
            yield line
    finally:
        stop.set()


def pipe_lines(descriptor: int, stop: threading.Event) -> Iterator[bytes]:
    """Lines read from a descriptor until it ends or `stop` is set."""
    rest = b""
    while not stop.is_set():
        if not select.select([descriptor], [], [], _LOOK_SECONDS)[0]:
            continue
        if not (chunk := os.read(descriptor, _READ)):
            break
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
    if rest:
        yield rest
