"""Policies on Kafka: published before the first record names them, found by hash ever after."""

import asyncio
import logging
from collections.abc import Iterable

from aiokafka import TopicPartition
from pydantic import ValidationError

from models.errors import Unavailable
from models.policy import Policy
from models.record import Version
from models.settings import Settings
from streams.delivery.kafka import new_consumer, new_producer, reach
from streams.topics import Topics

log = logging.getLogger(__name__)

READ_SECONDS = 10.0


class PolicyBook:
    """Every policy the deployment ever used, read again only when a new one is named."""

    def __init__(self, settings: Settings) -> None:
        """Start empty."""
        self.settings = settings
        self.topic = Topics.of(settings.kafka).policies
        self.known: dict[str, Policy] = {}
        self.reading = asyncio.Lock()
        self.reads = 0

    async def publish(self, policies: Iterable[Policy]) -> None:
        """Put policies on the topic that are not there yet; returns when they are stored."""
        await self._read()
        producer = new_producer(self.settings)
        await reach(producer, self.settings)
        try:
            for policy in policies:
                if policy.version.hash in self.known:
                    continue
                key = f"{policy.task}/{policy.number}/{policy.version.hash}".encode()
                await producer.send_and_wait(self.topic, policy.encode(), key=key)
                self.known[policy.version.hash] = policy
        finally:
            await producer.stop()

    async def find(self, version: Version) -> Policy:
        """The policy with this hash.

        Raises:
            Unavailable: it is not on the topic (yet).
        """
        if (policy := self.known.get(version.hash)) is not None:
            return policy
        seen = self.reads
        async with self.reading:
            if version.hash not in self.known and self.reads == seen:  # one read serves all waiters
                await self._read_in_time()
                self.reads += 1
        if (policy := self.known.get(version.hash)) is None:
            raise Unavailable(f"policy {version} is not on {self.topic} yet")
        return policy

    async def _read_in_time(self) -> None:
        try:
            async with asyncio.timeout(READ_SECONDS):
                await self._read()
        except TimeoutError as exc:
            raise Unavailable(f"{self.topic} is not read within {READ_SECONDS:g} s") from exc

    async def _read(self) -> None:
        consumer = new_consumer(self.settings, None)
        await reach(consumer, self.settings)
        try:
            partitions = await _partitions(consumer, self.topic)
            consumer.assign(partitions)
            await consumer.seek_to_beginning(*partitions)
            ends = await consumer.end_offsets(partitions)
            while left := [tp for tp in partitions if await consumer.position(tp) < ends[tp]]:
                for records in (await consumer.getmany(*left, timeout_ms=200)).values():
                    for record in records:
                        self._learn(record.value)
        finally:
            await consumer.stop()

    def _learn(self, value: bytes | None) -> None:
        try:
            policy = Policy.model_validate_json(value or b"")
        except ValidationError as exc:
            log.warning("%s holds a record that is no policy: %s", self.topic, exc)
            return
        self.known[policy.version.hash] = policy


async def _partitions(consumer: object, topic: str) -> list[TopicPartition]:
    await consumer._client.add_topic(topic)  # type: ignore[attr-defined]  # else not known yet
    numbers = consumer.partitions_for_topic(topic) or set()  # type: ignore[attr-defined]
    return [TopicPartition(topic, number) for number in sorted(numbers)]
