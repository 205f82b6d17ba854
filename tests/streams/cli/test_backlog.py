"""What a waiting backlog is said to cost, against the try-out broker."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer

from models.settings import Kafka, Settings
from streams.cli.backlog import backlog_line
from streams.delivery.kafka import new_producer
from streams.delivery.provision import ensure_topics
from streams.delivery.starts import fix_start
from streams.embedded.broker import start_cluster
from streams.topics import Topics
from tests.agents.test_quote import PRICED
from tests.scripted_bench import CHAT_TASK

pytestmark = pytest.mark.processes


@pytest.fixture
def address() -> Iterator[str]:
    keeper, host, port = start_cluster()
    yield f"{host}:{port}"
    assert isinstance(keeper, Producer)


async def said_of(address: str, tasks: tuple[Path, ...]) -> str:
    settings = Settings(
        kafka=Kafka(bootstrap=address, broker="embedded", start="earliest"), tasks=tasks
    )
    await ensure_topics(settings)
    producer = new_producer(settings)
    await producer.start()
    for n in range(20):
        value = json.dumps({"id": str(n), "text": "where is it?"}).encode()
        await producer.send(Topics.of(settings.kafka).samples, value, key=str(n).encode())
    await producer.send_and_wait(Topics.of(settings.kafka).samples, b"rubbish", key=b"r")
    await producer.stop()
    return await backlog_line(settings, await fix_start(settings))


async def test_a_backlog_shows_its_price(address: str, tmp_path: Path) -> None:
    task = tmp_path / "task.yaml"
    task.write_text(PRICED["chat"].replace("1.0", "1000.0"))
    said = await said_of(address, (task,))
    assert "21 records on tidegauge.samples wait" in said
    assert "(20 of them were priced)" in said
    dollars = float(said.split("$")[1].split(" ")[0])
    assert 20 < dollars < 200, said


async def test_a_price_that_is_not_known_is_not_invented(address: str, tmp_path: Path) -> None:
    task = tmp_path / "task.yaml"
    task.write_text(CHAT_TASK)
    assert "at a price that no task file states" in await said_of(address, (task,))
    assert "set TIDEGAUGE_TASKS" in await said_of(address, ())
