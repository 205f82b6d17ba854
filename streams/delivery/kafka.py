"""Kafka clients and topics: the one place that knows how to reach the broker."""

import asyncio
from collections.abc import Iterable
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaConnectionError, KafkaError, for_code

from models.errors import BrokerUnavailable, ConfigurationError
from models.settings import Kafka, Settings
from streams.topics import Topics

MAX_RECORD = 1_000_000
NEVER_MS = 2_000_000_000
EMBEDDED_WAIT_MS = 50
"""The try-out broker answers an empty fetch only when its time is up."""
_ALREADY_THERE = 36


def new_producer(settings: Settings, **extra: Any) -> AIOKafkaProducer:
    """An idempotent producer that waits for every replica; not started."""
    options = {
        "bootstrap_servers": settings.kafka.bootstrap,
        "acks": "all",
        "enable_idempotence": settings.kafka.broker == "kafka",
        "linger_ms": round(settings.delivery.linger_ms),
        "max_batch_size": 128 * 1024,
        "max_request_size": MAX_RECORD,
        "request_timeout_ms": 30_000,
    }
    return AIOKafkaProducer(**{**options, **extra})


def new_consumer(settings: Settings, group: str | None, **extra: Any) -> AIOKafkaConsumer:
    """A consumer that commits only when told to; not started, not subscribed."""
    options = {
        "bootstrap_servers": settings.kafka.bootstrap,
        "group_id": group,
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "max_poll_interval_ms": NEVER_MS,
        "session_timeout_ms": round(settings.kafka.session_seconds * 1000),
        "heartbeat_interval_ms": round(settings.kafka.session_seconds * 200),
        "max_partition_fetch_bytes": 2 * MAX_RECORD,
        "fetch_max_wait_ms": EMBEDDED_WAIT_MS if settings.kafka.broker == "embedded" else 500,
    }
    return AIOKafkaConsumer(**{**options, **extra})


def group_of(kafka: Kafka, stage: str) -> str:
    """A stage's consumer group."""
    return f"{kafka.prefix}.{stage}"


async def reach(client: Any, settings: Settings) -> None:
    """Start a client.

    Raises:
        BrokerUnavailable: nothing answers at the bootstrap address.
    """
    try:
        await client.start()
    except KafkaConnectionError as exc:
        await client.stop()
        raise BrokerUnavailable(f"Kafka at {settings.kafka.bootstrap} does not answer") from exc


async def ensure_topics(settings: Settings) -> list[str]:
    """Create the topics that are missing and say which.

    The embedded broker cannot be asked to create a topic; there, a topic appears when it is first
    asked about.
    """
    topics = Topics.of(settings.kafka)
    if settings.kafka.broker == "embedded":
        await _touch(settings, topics.all)
        return []
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka.bootstrap)
    await reach_admin(admin, settings)
    try:
        present = set(await admin.list_topics())
        missing = [name for name in topics.all if name not in present]
        if missing:
            await _create(admin, settings.kafka, missing, topics)
        return missing
    finally:
        await admin.close()


async def reach_admin(admin: AIOKafkaAdminClient, settings: Settings) -> None:
    """Start an admin client, or raise `BrokerUnavailable`."""
    try:
        await admin.start()
    except KafkaConnectionError as exc:
        await admin.close()
        raise BrokerUnavailable(f"Kafka at {settings.kafka.bootstrap} does not answer") from exc


async def _create(
    admin: AIOKafkaAdminClient, kafka: Kafka, missing: list[str], topics: Topics
) -> None:
    wanted = [
        NewTopic(
            name,
            num_partitions=kafka.partitions,
            replication_factor=kafka.replication,
            topic_configs={"cleanup.policy": "compact"} if name == topics.policies else {},
        )
        for name in missing
    ]
    answer = await admin.create_topics(wanted)
    for name, code, *rest in answer.topic_errors:
        if code not in (0, _ALREADY_THERE):
            detail = rest[0] if rest else for_code(code).__name__
            raise ConfigurationError(f"topic {name!r} cannot be created: {detail}")


async def _touch(settings: Settings, names: Iterable[str]) -> None:
    producer = new_producer(settings)
    await reach(producer, settings)
    try:
        await asyncio.gather(*(producer.partitions_for(name) for name in names))
    finally:
        await producer.stop()


async def check_topics(settings: Settings, names: Iterable[str]) -> int:
    """The common partition count of topics that share a key.

    Raises:
        ConfigurationError: a topic is missing, or counts differ; the text says what to do.
    """
    producer = new_producer(settings)
    await reach(producer, settings)
    counts: dict[str, int] = {}
    try:
        for name in names:
            try:
                found = await asyncio.wait_for(producer.partitions_for(name), 20)
            except (KafkaError, TimeoutError) as exc:
                message = f"topic {name!r} is missing; run `tidegauge migrate`"
                raise ConfigurationError(message) from exc
            counts[name] = len(found or ())
    finally:
        await producer.stop()
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name}: {count}" for name, count in counts.items())
        raise ConfigurationError(f"topics that share a key need equal partition counts: {listed}")
    return next(iter(counts.values()))
