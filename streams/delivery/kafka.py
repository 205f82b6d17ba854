"""Kafka clients: the one place that knows how to reach the broker."""

from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    InvalidMessageError,
    KafkaConnectionError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumber,
    ProducerClosed,
    ProducerFenced,
)

from models.settings import Kafka, Settings
from streams.delivery.diagnosis import why_unreachable
from streams.delivery.security import client_options

MAX_RECORD = 1_000_000
MAX_MESSAGE = 1_048_588
"""What a topic must take: such a record with all that Kafka writes around it."""

REFUSED = (MessageSizeTooLargeError, InvalidMessageError, AssertionError, TypeError, ValueError)
"""What the client says of a record that can never be sent."""

BROKEN = (OutOfOrderSequenceNumber, ProducerFenced, ProducerClosed)
"""What it says once it can send nothing any more: only a new process has a new producer."""

NEVER_MS = 2_000_000_000
EMBEDDED_WAIT_MS = 50
"""The try-out broker answers an empty fetch only when its time is up."""


def new_producer(settings: Settings, **extra: Any) -> AIOKafkaProducer:
    """An idempotent producer that waits for every replica; not started.

    Raises:
        ConfigurationError: the security settings do not fit; so do the two below.
    """
    options = {
        **_connection(settings.kafka),
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
        **_connection(settings.kafka),
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


def new_admin(settings: Settings) -> AIOKafkaAdminClient:
    """A client that asks about topics and makes them; not started."""
    return AIOKafkaAdminClient(**_connection(settings.kafka))


def _connection(kafka: Kafka) -> dict[str, Any]:
    return {"bootstrap_servers": kafka.bootstrap, **client_options(kafka.security)}


def group_of(kafka: Kafka, stage: str) -> str:
    """A stage's consumer group."""
    return f"{kafka.prefix}.{stage}"


async def reach(client: Any, settings: Settings) -> None:
    """Start a client.

    Raises:
        BrokerUnavailable: nothing answers at the bootstrap address.
        ConfigurationError: a broker is there and refuses us; the text says which setting mends it.
    """
    try:
        await client.start()
    except KafkaConnectionError as exc:
        await client.stop()
        raise await why_unreachable(settings.kafka) from exc


async def reach_admin(admin: AIOKafkaAdminClient, settings: Settings) -> None:
    """Start an admin client; raises what `reach` does."""
    try:
        await admin.start()
    except KafkaConnectionError as exc:
        await admin.close()
        raise await why_unreachable(settings.kafka) from exc
