"""Where books begin, against the try-out broker."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Producer

from models.errors import ConfigurationError
from models.settings import Kafka, Settings
from streams.delivery.kafka import new_producer
from streams.delivery.provision import ensure_topics
from streams.delivery.starts import check_start, fix_start
from streams.embedded.broker import start_cluster
from streams.topics import Topics


@pytest.fixture
def address() -> Iterator[str]:
    keeper, host, port = start_cluster()
    yield f"{host}:{port}"
    assert isinstance(keeper, Producer)


def settings_for(address: str, **kafka: Any) -> Settings:
    return Settings(kafka=Kafka(bootstrap=address, broker="embedded", **kafka))


async def send(settings: Settings, count: int) -> None:
    producer = new_producer(settings)
    await producer.start()
    for n in range(count):
        value = json.dumps({"id": str(n), "text": "x"}).encode()
        await producer.send_and_wait(Topics.of(settings.kafka).samples, value, key=str(n).encode())
    await producer.stop()


@pytest.mark.processes
async def test_both_bookkeepers_begin_at_one_place_and_only_once(address: str) -> None:
    settings = settings_for(address, start="latest")
    await ensure_topics(settings)
    await send(settings, 40)
    with pytest.raises(ConfigurationError, match="tidegauge migrate"):
        await check_start(settings, "annotate")
    assert sum((await fix_start(settings)).values()) == 0
    await check_start(settings, "annotate")
    await check_start(settings, "sink")
    await check_start(settings, "route")
    await send(settings, 10)
    assert sum((await fix_start(settings)).values()) == 10, "the beginning does not move any more"


@pytest.mark.processes
async def test_earliest_takes_the_backlog(address: str) -> None:
    settings = settings_for(address, start="earliest")
    await ensure_topics(settings)
    await send(settings, 40)
    assert sum((await fix_start(settings)).values()) == 40
