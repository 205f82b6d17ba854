"""What the benchmarks share: a whole instance with the scripted model, traffic, and its processes.

Records carry what they are timed by: the moment each was made (its Kafka timestamp), and for rows
the moment the sink committed past it, which a real Kafka keeps in `__consumer_offsets`.
"""

import asyncio
import json
import os
import platform
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
from aiokafka import TopicPartition

from models.settings import Settings
from streams.delivery.kafka import new_consumer, new_producer
from streams.embedded import apache_kafka
from streams.embedded.apache_kafka_node import pid_of
from streams.embedded.instance import Instance, instance
from streams.embedded.parts import Wanted
from streams.store.client import Store, connect_sync
from streams.store.figures.ledger import Ledger, ledger
from streams.store.figures.scope import Scope
from streams.topics import Topics

TASK = """
name: bench
kind: classification
instructions: Decide whether the message is an ordinary one or an advertisement.
labels:
  - {name: ham, definition: an ordinary message}
  - {name: spam, definition: an advertisement or a fraud}
judge: {kind: rubric}
spend: {unpriced: allow}
cache_seconds: 0
"""
WARM_UP = 200


def text(number: int) -> str:
    return f"Hello, this is message number {number}; could you call me back about it today?"


def write_inputs(folder: Path, task: str, texts: Iterable[str]) -> tuple[Path, Path]:
    """A task file, and a scripted model's key by which every seventh text is spam."""
    folder.mkdir(parents=True, exist_ok=True)
    file, key = folder / "task.yaml", folder / "key.jsonl"
    file.write_text(task)
    with key.open("w") as lines:
        for n, one in enumerate(texts):
            label = "spam" if n % 7 == 0 else "ham"
            lines.write(json.dumps({"text": one, "label": label}) + "\n")
    return file, key


def record(name: str, number: int) -> tuple[bytes, bytes]:
    """Key and value of a sample of that name and number."""
    key = f"{name}-{number}"
    return key.encode(), json.dumps({"id": key, "text": text(number)}).encode()


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for one run."""
    with tempfile.TemporaryDirectory(prefix="tidegauge-") as folder:
        yield Path(folder)


@contextmanager
def real_kafka(folder: Path) -> Iterator[str]:
    """The address of an Apache Kafka of this run's own, one node."""
    folder.mkdir(parents=True, exist_ok=True)
    cluster = apache_kafka.start(folder, jars=apache_kafka.FOLDER)
    try:
        yield cluster.bootstrap
    finally:
        apache_kafka.stop(folder)


@asynccontextmanager
async def started(
    folder: Path, samples: int, kafka: str | None = None, workers: int = 1, **groups: Any
) -> AsyncIterator[Instance]:
    """An instance with the scripted model, at work already.

    Args:
        folder: its own; its name is the prefix of topics and groups.
        samples: how many texts the scripted model knows the labels of.
        kafka: a broker's address; none: the embedded one.
        workers: processes of each stage.
        groups: settings by group, such as `delivery={"linger_ms": 0}`.
    """
    file, key = write_inputs(folder, TASK, map(text, range(samples)))
    wanted = Wanted(
        store=folder / "store",
        model="scripted",
        kafka=kafka,
        key=key,
        dashboard=False,
        workers=workers,
    )
    given: dict[str, Any] = {"kafka": {"prefix": folder.name, "start": "earliest"}, **groups}
    given.setdefault("desk", {"port": 0})
    settings = Settings(data=folder / "data", tasks=(file,), **given)
    async with instance(settings, wanted, tell) as running:
        await warm(running)
        yield running


def tell(line: str) -> None:
    """What happens to a child, apart from what is measured."""
    print(f"  {line}", file=sys.stderr)


async def warm(running: Instance) -> None:
    """Have every stage at work: the first records wait for groups to form."""
    await send(running.settings, "w", WARM_UP)
    await stored(running.settings, "w", WARM_UP)


async def send(
    settings: Settings, name: str, count: int, rate: float = 0.0, topic: str = ""
) -> None:
    """Send that many samples, at a steady rate per second or, with none, as fast as it goes."""
    topic = topic or Topics.of(settings.kafka).samples
    producer = new_producer(settings)
    await producer.start()
    began = time.monotonic()
    try:
        for n in range(count):
            if rate and (early := began + n / rate - time.monotonic()) > 0:
                await asyncio.sleep(early)
            key, value = record(name, n)
            await producer.send(topic, value, key=key)
    finally:
        await producer.stop()


async def stored(settings: Settings, name: str, count: int, seconds: float = 300) -> None:
    """Wait until that many results of that name are rows."""
    sql = "SELECT uniqExact(sample_key) AS n FROM results WHERE startsWith(id, {name:String})"
    end = time.monotonic() + seconds
    with closing(connect_sync(settings.clickhouse)) as store:
        while store.query(sql, {"name": f"{name}-"})[0]["n"] < count:
            if time.monotonic() > end:
                raise TimeoutError(f"not {count} rows within {seconds:g} s")
            await asyncio.sleep(0.2)


def books(store: Store) -> Ledger:
    """The ledger of everything sent in this run."""
    now = datetime.now(UTC)
    return ledger(store, Scope(now - timedelta(hours=2), now + timedelta(hours=1)))


def change_model(settings: Settings, **script: Any) -> None:
    """Change how the scripted model behaves, such as `latency_ms=50`."""
    base = settings.model.base_url.removesuffix("/v1")
    request = urllib.request.Request(f"{base}/control", data=json.dumps(script).encode())
    with urllib.request.urlopen(request, timeout=10) as answer:
        answer.read()


def stage_processes() -> dict[str, psutil.Process]:
    """This instance's workers, by stage and, from the second on, number."""
    found: dict[str, psutil.Process] = {}
    for child in psutil.Process().children(recursive=True):
        arguments = child.cmdline()
        if arguments[-2:-1] == ["streams.worker"]:
            stage, number = arguments[-1], 0
            while (name := f"{stage}-{number}" if number else stage) in found:
                number += 1
            found[name] = child
    return found


def store_process() -> psutil.Process:
    """The embedded ClickHouse of this instance."""
    for child in psutil.Process().children(recursive=True):
        if "streams.embedded.clickhouse" in child.cmdline():
            return child
    raise RuntimeError("this instance has no ClickHouse of its own")


def broker_process(folder: Path) -> psutil.Process:
    """The node of a `real_kafka` in that folder."""
    pid = pid_of(folder, 1)
    if pid is None:
        raise RuntimeError(f"no Kafka runs in {folder}")
    return psutil.Process(pid)


def cpu(process: psutil.Process) -> float:
    """Seconds of user and system time so far."""
    times = process.cpu_times()
    return float(times.user + times.system)


async def partitions_of(settings: Settings, topic: str) -> list[TopicPartition]:
    """The partitions of a topic."""
    producer = new_producer(settings)
    await producer.start()
    try:
        return [TopicPartition(topic, n) for n in await producer.partitions_for(topic)]
    finally:
        await producer.stop()


async def records_of(settings: Settings, topic: str) -> list[Any]:
    """All records on a topic now, in no particular order."""
    found: list[Any] = []
    partitions = await partitions_of(settings, topic)
    consumer = new_consumer(settings, None)
    await consumer.start()
    try:
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        await consumer.seek_to_beginning(*partitions)
        while left := [tp for tp in partitions if await consumer.position(tp) < ends[tp]]:
            for part in (await consumer.getmany(*left, timeout_ms=500)).values():
                found.extend(part)
    finally:
        await consumer.stop()
    return found


def percentiles(values: Iterable[float]) -> dict[str, float]:
    """p50, p99 and the largest of values, by rank."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("nothing was measured")

    def at(share: float) -> float:
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 1)

    return {"n": len(ordered), "p50": at(0.5), "p99": at(0.99), "max": at(1.0)}


def machine() -> str:
    """What this ran on."""
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
