"""How far each stage has read, seen from outside its consumer group."""

import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from models.errors import BrokerUnavailable
from models.settings import Kafka, Settings
from streams.delivery.kafka import group_of, new_consumer, reach, reach_admin
from streams.embedded.broker import PARTITIONS
from streams.embedded.retention import Loss, find_losses
from streams.topics import Topics


@dataclass(frozen=True)
class Reader:
    """One stage's consumer group and a topic it reads from the beginning."""

    group: str
    topic: str


def readers(kafka: Kafka) -> tuple[Reader, ...]:
    """Every stage with every topic that it must read whole."""
    topics = Topics.of(kafka)
    read = {
        "annotate": (topics.samples,),
        "judge": (topics.annotations,),
        "route": (topics.verdicts,),
        "drift": (topics.readings,),
        "sink": (
            topics.samples,
            topics.results,
            topics.reviews,
            topics.decisions,
            topics.alarms,
            topics.dead_letters,
        ),
    }
    return tuple(
        Reader(group_of(kafka, stage), topic) for stage, names in read.items() for topic in names
    )


class Positions:
    """Begin, end and committed offsets of the embedded broker's topics."""

    def __init__(
        self, kafka: Kafka, admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer
    ) -> None:
        """Bind to started clients."""
        self.readers = readers(kafka)
        self.topics = Topics.of(kafka)
        self.kafka = kafka
        self._admin = admin
        self._consumer = consumer

    async def begins(self) -> Mapping[TopicPartition, int]:
        """First offset still there of every partition that a stage reads."""
        found: Mapping[TopicPartition, int] = await self._consumer.beginning_offsets(self._all())
        return found

    async def ends(self) -> Mapping[TopicPartition, int]:
        """Next offset to be written of every partition that a stage reads."""
        found: Mapping[TopicPartition, int] = await self._consumer.end_offsets(self._all())
        return found

    async def committed(self, reader: Reader) -> dict[TopicPartition, int]:
        """Next offset that a reader will read; 0 where it never committed."""
        asked = _partitions(reader.topic)
        found = await self._admin.list_consumer_group_offsets(reader.group, partitions=asked)
        return {tp: max(0, found[tp].offset) if tp in found else 0 for tp in asked}

    async def losses(self) -> tuple[Loss, ...]:
        """What the broker dropped before its readers had read it.

        Raises:
            BrokerUnavailable: it does not answer.
        """
        try:
            begins = await self.begins()
            found = [
                find_losses(reader.group, begins, await self.committed(reader))
                for reader in self.readers
            ]
        except KafkaError as exc:
            raise BrokerUnavailable(f"the embedded broker does not answer: {exc!r}") from exc
        return tuple(itertools.chain.from_iterable(found))

    async def in_flight(self) -> dict[int, int]:
        """Per partition number, how many samples are on their way or not yet in the store."""
        ends = await self.ends()
        path = {self.topics.samples, self.topics.annotations, self.topics.verdicts}
        sink = group_of(self.kafka, "sink")
        behind = {
            reader: await self._behind(reader, ends)
            for reader in self.readers
            if reader.topic in path or reader == Reader(sink, self.topics.results)
        }
        unseen = behind.pop(Reader(sink, self.topics.samples))
        return {
            number: max(unseen[number], sum(lags[number] for lags in behind.values()))
            for number in range(PARTITIONS)
        }

    async def _behind(self, reader: Reader, ends: Mapping[TopicPartition, int]) -> dict[int, int]:
        committed = await self.committed(reader)
        return {tp.partition: max(0, ends[tp] - at) for tp, at in committed.items()}

    def _all(self) -> Sequence[TopicPartition]:
        names = {reader.topic for reader in self.readers}
        return [tp for name in sorted(names) for tp in _partitions(name)]


@asynccontextmanager
async def positions_of(settings: Settings) -> AsyncIterator[Positions]:
    """Positions of the embedded broker that the settings name.

    Raises:
        BrokerUnavailable: it does not answer.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka.bootstrap)
    await reach_admin(admin, settings)
    consumer = new_consumer(settings, None)
    try:
        await reach(consumer, settings)
        try:
            yield Positions(settings.kafka, admin, consumer)
        finally:
            await consumer.stop()
    finally:
        await admin.close()


def _partitions(topic: str) -> list[TopicPartition]:
    return [TopicPartition(topic, number) for number in range(PARTITIONS)]
