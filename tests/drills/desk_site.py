"""Where the desk's drill happens: a broker, a store, a database, and a desk that gets killed."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from models.errors import ConfigurationError, TidegaugeError, Unavailable
from models.identity import digest
from models.review import ReviewTask
from models.sample import Sample, Source
from models.settings import Settings
from models.task import Task
from models.task_file import load_task
from streams.delivery.kafka import new_producer
from streams.delivery.provision import ensure_topics
from streams.delivery.starts import fix_start
from streams.desk.client import DeskClient
from streams.embedded import apache_kafka
from streams.embedded.announce import LOOPBACK
from streams.embedded.child import Child
from streams.embedded.guards import metrics_served
from streams.embedded.parts import child_environment
from streams.embedded.ports import free_port
from streams.embedded.supervisor import Supervisor
from streams.store.client import connect_sync
from streams.store.schema import migrate
from streams.topics import Topics
from tests import postgres
from tests.desk_bench import NOON, text_of
from tests.drills.site import jars_folder, store_child

PARTITIONS = 4
READY_SECONDS = 60.0
UNDO_SECONDS = 2.0

TASK = """
name: desk-drill
kind: classification
instructions: Label the message.
labels:
  - {name: ham, definition: an ordinary message}
  - {name: spam, definition: an advertisement}
spend: {unpriced: allow}
review:
  reviewers: %d
  undo_seconds: %g
  lease_seconds: 10
  gold_share: 0
  repeat_share: 0.05
"""


@dataclass
class DeskSite:
    """The desk's process and all around it."""

    settings: Settings
    task: Task
    log: Path
    kills: int = 0
    process: "subprocess.Popen[bytes] | None" = None
    texts: dict[str, str] = field(default_factory=dict)

    def start(self) -> None:
        """Start the desk; it may take a moment until it answers."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "streams.worker", "desk"],
                env=child_environment(self.settings),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        """SIGKILL, and a new one at once."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
        self.kills += 1
        self.start()

    def check_alive(self) -> None:
        """See that it has not ended by itself.

        Raises:
            Unavailable: it has; the text is the end of its log.
        """
        if self.process is not None and self.process.poll() is not None:
            said = self.log.read_text("utf-8", "replace")[-1500:]
            raise Unavailable(f"the desk ended with {self.process.returncode}: {said}")

    def stop(self) -> None:
        """End it in good order."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.communicate(timeout=30)

    def until_ready(self) -> None:
        """Wait until it answers.

        Raises:
            ConfigurationError: it does not.
        """
        end = time.monotonic() + READY_SECONDS
        with DeskClient(self.settings.desk_url) as client:
            while True:
                try:
                    client.health()
                except TidegaugeError as exc:
                    ended = self.process is None or self.process.poll() is not None
                    if ended or time.monotonic() > end:
                        said = self.log.read_text("utf-8", "replace")[-1500:]
                        raise ConfigurationError(f"the desk does not start: {said}") from exc
                    time.sleep(0.1)
                else:
                    return

    async def feed(self, count: int, seconds: float) -> None:
        """Put items on `reviews`, spread over some seconds, each eighth of them twice."""
        producer = new_producer(self.settings)
        await producer.start()
        try:
            topic = Topics.of(self.settings.kafka).reviews
            began = time.monotonic()
            for number in range(count):
                task = self._item(number)
                self.texts[task.result_id] = task.sample.text
                for _ in range(1 + (number % 8 == 0)):
                    key = task.sample.id.encode()
                    await producer.send(
                        topic, task.encode(), key=key, partition=number % PARTITIONS
                    )
                await asyncio.sleep(max(0.0, began + seconds * number / count - time.monotonic()))
            await producer.flush()
        finally:
            await producer.stop()

    def _item(self, number: int) -> ReviewTask:
        sample = Sample(id=f"m-{number}", text=text_of(number), task=self.task.name)
        return ReviewTask(
            result_id=digest("result", str(number)),
            sample_key=sample.key(),
            source=Source(topic="samples", partition=number % PARTITIONS, offset=number, at=NOON),
            sample=sample,
            task=self.task.identity,
            suggestion=("ham",),
            lane="uncertain",
            propensity=0.5,
            audit=False,
            value=number % 100 / 100,
        )


@asynccontextmanager
async def desk_site(
    folder: Path, database: str, broker: str, reviewers: int
) -> AsyncIterator[DeskSite]:
    """Everything started but the desk itself; all is stopped at the end."""
    task = folder / "task.yaml"
    await asyncio.to_thread(_written, task, TASK % (reviewers, UNDO_SECONDS))
    async with AsyncExitStack() as stack:
        told: list[str] = []
        supervisor = await stack.enter_async_context(
            Supervisor(folder / "logs", lambda event: told.append(str(event)))
        )
        store = store_child(folder)
        await supervisor.start(store)
        kafka = await _broker(folder, broker, (stack, supervisor))
        url = stack.enter_context(database_at(folder, database))
        settings = Settings(
            data=folder / "data",
            tasks=(task,),
            kafka={"prefix": "desk-drill", "start": "earliest", "session_seconds": 6, **kafka},
            clickhouse={"url": f"http://{LOOPBACK}:{store.argv[-1]}"},
            delivery={"health_seconds": 2, "batch_ms": 100},
            desk={"database": url, "port": free_port(), "requests_per_second": 10_000},
        )
        with closing(connect_sync(settings.clickhouse)) as tables:
            await asyncio.to_thread(migrate, tables)
        await ensure_topics(settings)
        await fix_start(settings)
        stack.enter_context(metrics_served(settings))
        site = DeskSite(settings, load_task(task), folder / "logs" / "desk.log")
        stack.callback(site.stop)
        yield site


def _written(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


async def _broker(
    folder: Path, kind: str, around: tuple[AsyncExitStack, Supervisor]
) -> dict[str, Any]:
    """The broker's settings once it runs."""
    stack, supervisor = around
    if kind == "embedded":
        path = folder / "broker.json"
        argv = (sys.executable, "-m", "streams.embedded.broker", "--announce", str(path))
        names = [
            part
            for name in Topics.of(Settings(kafka={"prefix": "desk-drill"}).kafka).all
            for part in ("--topic", name)
        ]
        child = Child("broker", (*argv, *names), announces=path, restart=False)
        facts = (await supervisor.start(child))["broker"]
        return {"bootstrap": f"{facts['host']}:{facts['port']}", "broker": "embedded"}
    stack.push_async_callback(asyncio.to_thread, apache_kafka.stop, folder / "kafka")
    cluster = await asyncio.to_thread(
        apache_kafka.start, folder / "kafka", 1, jars=jars_folder(), say=print
    )
    return {"bootstrap": cluster.bootstrap}


@contextmanager
def database_at(folder: Path, kind: str) -> Iterator[str]:
    """The URL of an empty database.

    Raises:
        ConfigurationError: PostgreSQL is not installed here.
    """
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'desk.sqlite'}"
        return
    try:
        with postgres.running({}) as server:
            yield server.new_database()
    except postgres.NoPostgres as exc:
        raise ConfigurationError(str(exc)) from exc
