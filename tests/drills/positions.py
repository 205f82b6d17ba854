"""How far each stage has committed: what is still unread of what lies on Kafka."""

from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from models.settings import Settings
from streams.delivery.kafka import group_of
from streams.store.writer import STORED_TOPICS
from streams.topics import Topics

SOURCES: Mapping[str, tuple[str, ...]] = {
    "annotate": ("samples",),
    "judge": ("annotations",),
    "route": ("verdicts",),
    "drift": ("readings",),
    "desk": ("reviews",),
    "sink": STORED_TOPICS,
}
"""What each stage reads; in the order of the flow, so one pass over quiet stages proves quiet."""


async def unread(settings: Settings) -> dict[str, int] | None:
    """Records beyond the commits of each stage; null while the broker does not say."""
    bootstrap = settings.kafka.bootstrap
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    topics = Topics.of(settings.kafka)
    behind: dict[str, int] = {}
    try:
        await admin.start()
        await consumer.start()
        for stage, words in SOURCES.items():
            group = group_of(settings.kafka, stage)
            committed = await admin.list_consumer_group_offsets(group)
            behind[stage] = 0
            for word in words:
                ends = await _ends(consumer, getattr(topics, word))
                done = {tp: committed[tp].offset for tp in ends if tp in committed}
                behind[stage] += sum(
                    max(0, end - max(0, done.get(tp, 0))) for tp, end in ends.items()
                )
        return behind
    except KafkaError:
        return None
    finally:
        await admin.close()
        await consumer.stop()


async def _ends(consumer: AIOKafkaConsumer, topic: str) -> dict[TopicPartition, int]:
    await consumer._client.add_topic(topic)
    numbers = consumer.partitions_for_topic(topic) or ()
    ends: dict[TopicPartition, int] = await consumer.end_offsets(
        [TopicPartition(topic, number) for number in numbers]
    )
    return ends
