"""Everything on Kafka, read from the first record on by a bare consumer that knows no stage."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

OFFSETS = "__consumer_offsets"
PATIENCE = 60.0

Headers = dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Logged:
    """One record as it lies on Kafka; `at` is its timestamp there, in milliseconds."""

    topic: str
    partition: int
    offset: int
    at: int
    key: bytes | None
    value: bytes | None
    headers: Headers


@dataclass
class TopicLog:
    """Reads topics on from where it stopped."""

    bootstrap: str
    next_offset: dict[TopicPartition, int] = field(default_factory=lambda: defaultdict(int))

    async def more(self, topics: Iterable[str]) -> list[Logged]:
        """All records that came to the topics since the last time, each partition in order."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap,
            enable_auto_commit=False,
            exclude_internal_topics=False,
            max_partition_fetch_bytes=4_000_000,
        )
        async with asyncio.timeout(PATIENCE):
            await consumer.start()
            try:
                return await self._read(consumer, topics)
            finally:
                await consumer.stop()

    async def _read(self, consumer: AIOKafkaConsumer, topics: Iterable[str]) -> list[Logged]:
        places = []
        for topic in topics:
            await consumer._client.add_topic(topic)
            numbers = consumer.partitions_for_topic(topic) or set()
            places += [TopicPartition(topic, number) for number in sorted(numbers)]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        for place in places:
            consumer.seek(place, self.next_offset[place])
        found: dict[TopicPartition, list[Logged]] = {place: [] for place in places}
        while left := [p for p in places if await consumer.position(p) < ends[p]]:
            for place, records in (await consumer.getmany(*left, timeout_ms=500)).items():
                found[place] += [_logged(record) for record in records]
        for place in places:
            self.next_offset[place] = await consumer.position(place)
        return [record for records in found.values() for record in records]


def _logged(record: Any) -> Logged:
    return Logged(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        at=record.timestamp,
        key=record.key,
        value=record.value,
        headers=dict(record.headers),
    )
