"""A real worker on a real Kafka whose work hangs: the watchdog sees it, and that it is over."""

import asyncio
import time
from collections.abc import Sequence
from functools import partial

import pytest

from streams.app import Source, create_app, unfinished_of
from streams.delivery.attempt import Plan
from streams.delivery.dead_letters import Bury, Identity
from streams.delivery.kafka import new_consumer, new_producer
from streams.delivery.provision import ensure_topics
from streams.delivery.records import Incoming, Output
from streams.embedded.apache_kafka import Cluster
from streams.process.vitals import Vitals
from streams.process.watchdog import Stalled, watched
from streams.topics import Topics
from tests.kafka_here import settings_for

COUNT = 5


@pytest.mark.kafka
@pytest.mark.timeout(120)
async def test_hung_work_is_seen_and_so_is_its_end(kafka_here: Cluster) -> None:
    settings = settings_for(kafka_here)
    topics = Topics.of(settings.kafka)
    await ensure_topics(settings)
    producer = new_producer(settings)
    await producer.start()
    for number in range(COUNT):
        await producer.send_and_wait(topics.samples, b"%d" % number)
    await producer.stop()
    gate = asyncio.Event()

    async def hanging(record: Incoming) -> Sequence[Output]:
        await gate.wait()
        return [Output(topics.annotations, record.key, record.value)]

    plan = Plan(
        handle=hanging,
        bury=Bury(topics.dead_letters, "annotate", lambda r: Identity("", r.source), time.time),
        follow=(topics.annotations, topics.dead_letters),
        reader=partial(new_consumer, settings, None),
        incarnation=0,
        deadline=600,
    )
    vitals = Vitals("annotate", "0")
    app = create_app(settings, Source("annotate", topics.samples), plan, vitals)
    await app.start()
    try:
        with pytest.raises(Stalled, match=rf"{COUNT} records are unfinished"):
            await asyncio.wait_for(watched(vitals, partial(unfinished_of, app), 6), 60)
        gate.set()
        async with asyncio.timeout(30):
            while await unfinished_of(app):  # noqa: ASYNC110 - Faust tells of nothing
                await asyncio.sleep(0.1)
        assert vitals.progressed_at > 0
    finally:
        gate.set()
        await app.stop()
