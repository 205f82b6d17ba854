"""The topics themselves: made where they are missing, and checked before a stage relies on them."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    InvalidReplicationFactorError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    for_code,
)
from aiokafka.protocol.metadata import MetadataRequest

from models.errors import BrokerUnavailable, ConfigurationError
from models.settings import Kafka, Settings
from streams.delivery.kafka import MAX_MESSAGE, new_admin, new_producer, reach, reach_admin
from streams.topics import Topics

KNOWN_SECONDS = 30.0
"""How long a new topic may take until every broker knows it."""

GRACE_SECONDS = 3.0
"""One broker may learn of a topic later than another: none is called missing before that."""

_POLL_SECONDS = 0.1
_HOUR_MS = 3_600_000
_FOR_EVER = "-1"


async def ensure_topics(settings: Settings) -> list[str]:
    """Create the topics that are missing; a line about each.

    Topics keyed by sample get the partition count that those of them have which are there already,
    a `samples` topic of somebody else's first of all. What is there is never changed. The embedded
    broker cannot be asked to create a topic; there, one appears when it is first asked about.

    Raises:
        BrokerUnavailable: Kafka does not answer.
        ConfigurationError: those that are there differ in number, or Kafka refuses.
    """
    topics = Topics.of(settings.kafka)
    if settings.kafka.broker == "embedded":
        await _touch(settings, topics.all)
        return []
    async with _admin(settings) as admin:
        counts = await _counts(admin, topics.all)
        common = _common_count(counts, topics) or settings.kafka.partitions
        keyed = topics.keyed_by_sample
        wanted = {
            name: common if name in keyed else settings.kafka.partitions
            for name in topics.all
            if name not in counts
        }
        if wanted:
            await _create(admin, settings.kafka, wanted)
            if len(await _until_known(admin, list(wanted), KNOWN_SECONDS)) < len(wanted):
                raise BrokerUnavailable(f"new topics are unknown after {KNOWN_SECONDS:g} s")
    return [f"{name} with {_partitions(count)}" for name, count in wanted.items()]


async def check_topics(settings: Settings) -> int:
    """The common partition count of the topics keyed by sample.

    Raises:
        BrokerUnavailable: Kafka does not answer.
        ConfigurationError: a topic is missing, or counts differ; the text says what to do.
    """
    topics = Topics.of(settings.kafka)
    async with _admin(settings) as admin:
        counts = await _until_known(admin, topics.all, GRACE_SECONDS)
    missing = [name for name in topics.all if name not in counts]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise ConfigurationError(
            f"topic {missing[0]!r}{more} is not on Kafka at {settings.kafka.bootstrap}; "
            "run `tidegauge migrate`, which makes it"
        )
    return _common_count(counts, topics)


@asynccontextmanager
async def _admin(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = new_admin(settings)
    await reach_admin(admin, settings)
    try:
        yield admin
    finally:
        await admin.close()


async def _counts(admin: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, int]:
    """Partitions of the topics that are there. Asking must not make any, as it may elsewhere."""
    request = MetadataRequest(list(names), allow_auto_topic_creation=False)
    answer = await admin._send_request(request)
    counts = {}
    for topic in answer.to_object()["topics"]:
        error = for_code(topic["error_code"])
        if error is TopicAuthorizationFailedError:
            raise ConfigurationError(
                f"Kafka does not let this user see topic {topic['topic']!r}: its rights (ACLs) "
                "must allow Describe, Read and Write"
            )
        if error is not UnknownTopicOrPartitionError and topic["partitions"]:
            counts[str(topic["topic"])] = len(topic["partitions"])
    return counts


def _common_count(counts: Mapping[str, int], topics: Topics) -> int:
    """The one count of the topics keyed by sample that are there; 0 for none."""
    there = {name: counts[name] for name in topics.keyed_by_sample if name in counts}
    if len(set(there.values())) <= 1:
        return next(iter(there.values()), 0)
    first, count = next(iter(there.items()))
    other = next(name for name in there if there[name] != count)
    raise ConfigurationError(
        f"topics that share a key need equal partition counts, and {first} has {count}, {other} "
        f"{there[other]}; delete the tidegauge topics and run `tidegauge migrate`, or choose "
        "another TIDEGAUGE_KAFKA__PREFIX for new ones"
    )


def _partitions(count: int) -> str:
    return "1 partition" if count == 1 else f"{count} partitions"


def topic_configs(kafka: Kafka, name: str) -> dict[str, str]:
    """How long a topic keeps what, and how safely.

    Policies are compacted: the newest of each task stays. Decisions, people's work, and alarms are
    few and kept for ever. The rest is kept for `retention_hours`. The broker stamps all but
    `samples`: it would refuse records of a stage whose clock is an hour ahead, for ever.
    """
    topics = Topics.of(kafka)
    configs = {"max.message.bytes": str(MAX_MESSAGE), "min.insync.replicas": str(kafka.min_in_sync)}
    if name != topics.samples:
        configs["message.timestamp.type"] = "LogAppendTime"
    if name == topics.policies:
        return {**configs, "cleanup.policy": "compact"}
    kept = _FOR_EVER if name in (topics.decisions, topics.alarms) else None
    hours = str(kafka.retention_hours * _HOUR_MS)
    return {**configs, "cleanup.policy": "delete", "retention.ms": kept or hours}


async def _create(admin: AIOKafkaAdminClient, kafka: Kafka, wanted: Mapping[str, int]) -> None:
    new = [
        NewTopic(
            name,
            num_partitions=count,
            replication_factor=kafka.replication,
            topic_configs=topic_configs(kafka, name),
        )
        for name, count in wanted.items()
    ]
    answer = await admin.create_topics(new)
    for name, code, *rest in answer.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            said = rest[0] if rest and rest[0] else error.__name__
            fix = _FIXES.get(error, "")
            raise ConfigurationError(f"topic {name!r} cannot be created: {said}{fix}")


_FIXES = {
    InvalidReplicationFactorError: "; set TIDEGAUGE_KAFKA__REPLICATION to fewer, or add brokers",
    TopicAuthorizationFailedError: "; its user needs the right to create it, or somebody else must",
}


async def _until_known(
    admin: AIOKafkaAdminClient, names: Sequence[str], seconds: float
) -> dict[str, int]:
    """Partitions of the topics that are there, once all are or the time is over."""
    end = asyncio.get_running_loop().time() + seconds
    while len(counts := await _counts(admin, names)) < len(names):
        if asyncio.get_running_loop().time() > end:
            break
        await asyncio.sleep(_POLL_SECONDS)
    return counts


async def _touch(settings: Settings, names: Iterable[str]) -> None:
    producer = new_producer(settings)
    await reach(producer, settings)
    try:
        await asyncio.gather(*(producer.partitions_for(name) for name in names))
    finally:
        await producer.stop()
