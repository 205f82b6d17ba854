"""A stage's Faust app: raw bytes in, the ordered window around the stage, raw bytes out."""

import asyncio
import logging
from collections.abc import AsyncIterable
from dataclasses import dataclass
from typing import Any

import faust
import faust.streams
from faust.tables import TableManager
from faust.transport.drivers import aiokafka as driver
from mode.supervisors import CrashingSupervisor

from models.errors import ConfigurationError
from models.settings import Security, Settings
from streams.delivery.attempt import Plan
from streams.delivery.bounded import BoundedConsumer, BoundedTransport
from streams.delivery.kafka import EMBEDDED_WAIT_MS, NEVER_MS, group_of
from streams.delivery.security import check_security, tls_context, uses_password
from streams.delivery.window import OrderedWindow
from streams.process.vitals import Vitals
from streams.topics import Stage

logging.getLogger("aiokafka").setLevel(logging.WARNING)


class IdempotentProducer(driver.Producer):
    """Faust offers idempotence only with transactions, which tidegauge does not use."""

    def _settings_extra(self) -> dict[str, Any]:
        return {**super()._settings_extra(), "enable_idempotence": True}


class IdempotentTransport(driver.Transport):
    """Faust's aiokafka transport with the producer above."""

    Producer = IdempotentProducer


class NoTables(TableManager):
    """Faust's, without the second it gives an application to register tables: here are none."""

    logger = logging.getLogger("faust")

    async def on_start(self) -> None:
        """Have recovery started, which resumes the flow once partitions are assigned."""
        await self._update_channels()
        await self.recovery.start()


class PromptThread(driver.AIOKafkaConsumerThread):
    """Faust's consumer, which asks the try-out broker often: that one answers only when asked."""

    def _create_consumer(self, loop: asyncio.AbstractEventLoop) -> Any:
        consumer = super()._create_consumer(loop)
        consumer._fetch_max_wait_ms = EMBEDDED_WAIT_MS
        return consumer


class PromptConsumer(BoundedConsumer):
    """The bounded consumer on the thread above."""

    def _new_consumer_thread(self) -> PromptThread:
        return PromptThread(self, loop=self.loop, beacon=self.beacon)


class PromptTransport(BoundedTransport):
    """The bounded transport with the consumer above."""

    Consumer = PromptConsumer


@dataclass(frozen=True)
class Source:
    """Which stage reads which topic."""

    stage: Stage
    topic: str


def create_app(settings: Settings, source: Source, plan: Plan, vitals: Vitals) -> Any:
    """The Faust app of one stage, ready to be started.

    Raises:
        ConfigurationError: Faust runs without its compiled stream iterator, whose pure Python twin
            acknowledges records it skips.
    """
    if getattr(faust.streams, "_CStreamIterator", None) is None:
        raise ConfigurationError("Faust was installed without its compiled parts; unset NO_CYTHON")
    settings.data.mkdir(parents=True, exist_ok=True)
    app = faust.App(group_of(settings.kafka, source.stage), **_options(settings, source.stage))
    real = settings.kafka.broker == "kafka"
    transport = BoundedTransport if real else PromptTransport
    app.transport = transport(app.conf.broker_consumer, app)
    app.transport.limit = settings.delivery.held_bytes
    if real:
        app.producer_transport = IdempotentTransport(app.conf.broker_producer, app)
    topic = app.topic(
        source.topic,
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
    )

    async def processor(stream: AsyncIterable[Any]) -> None:
        await OrderedWindow(app, plan, vitals).run(stream)

    app.agent(topic, name=source.stage)(processor)
    return app


def _options(settings: Settings, stage: Stage) -> dict[str, Any]:
    kafka, delivery = settings.kafka, settings.delivery
    return {
        "broker_credentials": credentials(kafka.security),
        "broker": "aiokafka://" + ";".join(kafka.bootstrap.split(",")),
        "datadir": str(settings.data / "faust"),
        "value_serializer": "raw",
        "processing_guarantee": "at_least_once",
        "agent_supervisor": CrashingSupervisor,
        "broker_max_poll_records": 500,
        "stream_buffer_maxsize": 4096,
        "consumer_max_fetch_size": 1024**2,
        "consumer_group_instance_id": f"{stage}-{settings.slot}",
        "consumer_auto_offset_reset": "earliest",
        "broker_max_poll_interval": NEVER_MS / 1000,
        "broker_session_timeout": kafka.session_seconds,
        "broker_heartbeat_interval": kafka.session_seconds / 5,
        "broker_rebalance_timeout": 60.0,
        "broker_request_timeout": 90.0,
        "broker_commit_interval": 1.0,
        "producer_acks": -1,
        "producer_linger": delivery.linger_ms / 1000,
        "producer_max_batch_size": 128 * 1024,
        "producer_max_request_size": 1_000_000,
        "producer_request_timeout": 30.0,
        "stream_wait_empty": True,
        "stream_recovery_delay": 0.0,
        "table_standby_replicas": 0,
        "TableManager": NoTables,
        "topic_disable_leader": True,
        "topic_allow_declare": False,
        "web_enabled": False,
    }


def credentials(security: Security) -> Any:
    """The security settings as Faust takes them, for its consumer and its producer alike.

    Raises:
        ConfigurationError: they do not fit.
    """
    check_security(security)
    context = tls_context(security)
    if uses_password(security):
        return faust.SASLCredentials(
            username=security.username,
            password=security.password.get_secret_value(),
            mechanism=security.mechanism,
            ssl_context=context,
        )
    return None if context is None else faust.SSLCredentials(context)


async def lag_of(app: Any) -> int | None:
    """Records behind what is committed, over this process's partitions; none before a commit."""
    consumer = app.consumer
    committed = {
        tp: consumer._committed_offset[tp]
        for tp in consumer.assignment()
        if consumer._committed_offset.get(tp) is not None
    }
    if not committed:
        return None
    ends = await consumer.highwaters(*committed)
    behind = [max(0, ends[tp] - at) for tp, at in committed.items() if ends.get(tp)]
    return int(sum(behind))


async def unfinished_of(app: Any) -> int:
    """Records this process has not read yet or holds unacknowledged.

    By its own position, not the last commit: what ends a topic need not be a record.
    """
    consumer = app.consumer
    partitions = consumer.assignment()
    ends = await consumer.highwaters(*partitions) if partitions else {}
    unread = 0
    for tp in partitions:
        position = await consumer.position(tp)
        unread += max(0, (ends.get(tp) or 0) - (position or 0))
    return unread + len(consumer._unacked_messages)
