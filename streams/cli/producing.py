"""Samples onto the topic: acknowledged by the broker, never faster than it can keep them."""

import asyncio
import itertools
import os
import select
import threading
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from models.errors import BrokerUnavailable
from models.settings import Settings
from streams.cli.traffic import Bad, Good, as_record
from streams.delivery.kafka import new_producer, reach
from streams.topics import Topics

OUTSTANDING = 1000
LINES_AT_ONCE = 256
_READ = 1 << 16
_LOOK_SECONDS = 0.2


class Audience(Protocol):
    """Who is told how a sending goes."""

    def sent(self, line: Good) -> None:
        """The broker has stored this line's sample."""

    def skipped(self, line: Bad) -> None:
        """This line is no sample."""


Brake = Callable[[int, int], Awaitable[None]]
"""Waits until a partition (first argument) can take so many more bytes (second)."""


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
        BrokerUnavailable: a record was not acknowledged; nothing after it counts as sent.
    """
    producer = new_producer(settings)
    await reach(producer, settings)
    topic = Topics.of(settings.kafka).samples
    waiting: deque[tuple[Good, asyncio.Future[Any]]] = deque()
    try:
        async for line in lines:
            if isinstance(line, Bad):
                audience.skipped(line)
                continue
            await rate.wait()
            await _send(producer, topic, _Wire.of(line, settings), (waiting, audience, brake))
            while len(waiting) >= OUTSTANDING or (waiting and waiting[0][1].done()):
                await _settle(waiting, audience)
        while waiting:
            await _settle(waiting, audience)
    finally:
        await producer.stop()


@dataclass(frozen=True)
class _Wire:
    line: Good
    key: bytes
    value: bytes

    @classmethod
    def of(cls, line: Good, settings: Settings) -> "_Wire":
        value = as_record(line.sample, settings.kafka.fields)
        return cls(line, line.sample.id.encode(), value)


async def _send(producer: Any, topic: str, wire: _Wire, around: Any) -> None:
    waiting, audience, brake = around
    partitions = sorted(await producer.partitions_for(topic))
    partition = partition_of(wire.key, partitions)
    await brake(partition, len(wire.key) + len(wire.value))
    try:
        future = await producer.send(topic, wire.value, key=wire.key, partition=partition)
    except MessageSizeTooLargeError:
        audience.skipped(Bad(wire.line.number, "is larger than a record may be (1 MB)"))
        return
    except KafkaError as exc:
        raise BrokerUnavailable(f"the broker took no more records: {exc!r}") from exc
    waiting.append((wire.line, future))


async def _settle(waiting: deque[tuple[Good, asyncio.Future[Any]]], audience: Audience) -> None:
    line, future = waiting.popleft()
    try:
        await future
    except KafkaError as exc:
        raise BrokerUnavailable(f"line {line.number} was not stored: {exc!r}") from exc
    audience.sent(line)


async def from_file(lines: Iterator[Good | Bad]) -> AsyncIterator[Good | Bad]:
    """The lines of a file, parsed beside the event loop."""
    while batch := await asyncio.to_thread(lambda: list(itertools.islice(lines, LINES_AT_ONCE))):
        for line in batch:
            yield line


async def from_pipe(lines: Iterator[Good | Bad], stop: threading.Event) -> AsyncIterator[Good | Bad]:
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
