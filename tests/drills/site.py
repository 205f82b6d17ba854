"""Where a drill happens: a real Kafka, a store and a model that can fail, and a whole instance."""

import asyncio
import json
import random
import struct
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import confluent_kafka.admin
import psutil

from models.errors import StoreUnavailable
from models.settings import Settings
from streams.delivery.provision import ensure_topics
from streams.embedded import apache_kafka
from streams.embedded.announce import LOOPBACK
from streams.embedded.apache_kafka import Cluster
from streams.embedded.child import Child
from streams.embedded.instance import Instance, instance
from streams.embedded.parts import Wanted
from streams.embedded.ports import free_port
from streams.embedded.supervisor import Supervisor
from streams.store.client import Store, connect_sync
from streams.topics import Topics
from tests.drills.plan import Drill
from tests.drills.traffic import REFUSED, key_lines

ROOT = Path(__file__).resolve().parents[2]
CLOCK = Path(__file__).parent / "clock"
DISK = "1g"
NUMBERS = 60_000
"""Samples of a drill are numbered below this."""

TASK = """
name: drill
kind: classification
instructions: Label the message.
labels:
  - {name: ham, definition: an ordinary message}
  - {name: spam, definition: an advertisement}
  - {name: news, definition: something new}
annotator: {mode: chat, price: {input: 1.0, output: 2.0}}
judge: {kind: rubric, price: {input: 1.0, output: 2.0}}
routing: {budget: 0.2, audit: 0.05}
drift: {baseline: 200}
slices: {lang: [en, de]}
cache_seconds: 0
review: {undo_seconds: 1, gold_share: 0, repeat_share: 0}
"""

SCRIPT: Mapping[str, Any] = {
    "accuracy": 0.85,
    "latency_ms": 100.0,
    "fickle": True,
    "refused_text": REFUSED,
}
"""The model answers differently at every call, always, and takes its time: calls are in flight."""


@dataclass
class Site:
    """A running instance and all that can be broken of it.

    Attributes:
        kills: processes ended by the drill so far.
        chance: what kills pick by.
        told: what the supervisor said.
        own_disk: the store's data lies on a small disk of its own, which can be filled.
        brokers: held while some are down, so that no fault ends another's brokers.
        kept: the same for the store.
    """

    folder: Path
    cluster: Cluster
    running: Instance
    store: Store
    store_child: Child
    supervisor: Supervisor
    clock: Path
    own_disk: bool = False
    kills: int = 0
    chance: random.Random = field(default_factory=lambda: random.Random(5))
    told: list[str] = field(default_factory=list)
    brokers: asyncio.Lock = field(default_factory=asyncio.Lock)
    kept: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def settings(self) -> Settings:
        """With every address filled in."""
        return self.running.settings

    @property
    def disk(self) -> Path:
        """Where the store keeps its data."""
        return disk_of(self.folder)

    @property
    def jars(self) -> Path:
        """Where the brokers' jars are kept for all runs."""
        return jars_folder()

    def processes(self, *ending: str) -> list[psutil.Process]:
        """Running children whose command line has these arguments at its end or in it."""
        found = []
        for child in psutil.Process().children(recursive=True):
            try:
                argv = child.cmdline()
            except psutil.Error:
                continue
            if set(ending) <= set(argv) and "-S" not in argv:
                found.append(child)
        return sorted(found, key=lambda process: process.pid)

    def store_process(self) -> psutil.Process:
        """The store's own process.

        Raises:
            StoreUnavailable: it is gone.
        """
        for process in self.processes("streams.embedded.clickhouse"):
            return process
        raise StoreUnavailable("the store's process is gone")

    async def model(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Ask or change the scripted model."""
        return await asyncio.to_thread(_ask, self.settings.model.base_url, path, body)

    def set_clock(self, seconds: float) -> None:
        """Move the clock of every second worker."""
        with self.clock.open("r+b") as file:
            file.write(struct.pack("d", seconds))


def _ask(base_url: str, path: str, body: Mapping[str, Any] | None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{base_url.removesuffix('/v1')}{path}", data=data)
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def jars_folder() -> Path:
    """Fetched once for `make kafka`, tests and drills."""
    return ROOT / apache_kafka.FOLDER


@asynccontextmanager
async def site(folder: Path, drill: Drill, told: list[str]) -> AsyncIterator[Site]:
    """All of it, started; everything is stopped at the end, and the folder stays.

    The store gets a disk of its own in a process that may mount one (`unshare --mount`).
    """
    clock = _prepared(folder)
    kafka = folder / "kafka"
    async with AsyncExitStack() as stack:
        stack.push_async_callback(asyncio.to_thread, apache_kafka.stop, kafka)
        cluster = await asyncio.to_thread(
            apache_kafka.start, kafka, drill.nodes, jars=jars_folder(), say=told.append
        )
        own_disk = drill.own_disk and mounted(folder)
        if own_disk:
            stack.callback(unmount, folder)
        supervisor = await stack.enter_async_context(
            Supervisor(folder / "logs", lambda event: told.append(str(event)))
        )
        child = store_child(folder)
        await supervisor.start(child)
        settings = _settings(folder, cluster, f"http://{LOOPBACK}:{child.argv[-1]}")
        await ensure_topics(settings)
        await asyncio.to_thread(_stamped, settings)
        running = await stack.enter_async_context(
            instance(settings, _wanted(folder, clock, drill), told.append)
        )
        store = connect_sync(running.settings.clickhouse)
        stack.callback(store.close)
        made = Site(folder, cluster, running, store, child, supervisor, clock, own_disk, told=told)
        await made.model("/control", SCRIPT)
        yield made


def disk_of(folder: Path) -> Path:
    """Where the store keeps its data."""
    return folder / "disk"


def mounted(folder: Path) -> bool:
    """Give the store a small disk of its own; whether that is possible."""
    disk_of(folder).mkdir(parents=True, exist_ok=True)
    argv = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(disk_of(folder))]
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0


def unmount(folder: Path) -> None:
    """Take the disk away, whoever may still hold a file of it: the folder is to be removed."""
    subprocess.run(["umount", "--lazy", str(disk_of(folder))], check=True)


def _prepared(folder: Path) -> Path:
    """The folder of a drill with a clock that is right."""
    (folder / "kafka").mkdir(parents=True, exist_ok=True)
    clock = folder / "clock"
    clock.write_bytes(struct.pack("d", 0.0))
    return clock


def store_child(folder: Path) -> Child:
    """The embedded store as a child that nobody restarts; its port stands last."""
    path = folder / "store.json"
    program = (sys.executable, "-m", "streams.embedded.clickhouse")
    where = (
        "--data",
        str(disk_of(folder) / "store"),
        "--announce",
        str(path),
        "--port",
        str(free_port()),
    )
    return Child("store", (*program, *where), announces=path, restart=False, ready_seconds=60.0)


def _settings(folder: Path, cluster: Cluster, store: str) -> Settings:
    (folder / "task.yaml").write_text(TASK, "utf-8")
    return Settings(
        data=folder / "data",
        tasks=(folder / "task.yaml",),
        kafka={
            "bootstrap": cluster.bootstrap,
            "prefix": "drill",
            "start": "earliest",
            "replication": len(cluster.nodes),
            "session_seconds": 6,
        },
        clickhouse={"url": store},
        model={"timeout_seconds": 3},
        delivery={"health_seconds": 2, "batch_ms": 200},
        desk={"port": 0, "requests_per_second": 1000},
    )


def _wanted(folder: Path, clock: Path, drill: Drill) -> Wanted:
    with (folder / "key.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(key_lines(0, NUMBERS))
    return Wanted(
        store=folder / "unused",
        model="scripted",
        key=folder / "key.jsonl",
        dashboard=False,
        reviewers=folder / "key.jsonl",
        workers=drill.workers,
        environment={"PYTHONPATH": str(CLOCK), "DRILL_CLOCK": str(clock)},
    )


def _stamped(settings: Settings) -> None:
    """Let `samples` carry any timestamp, and have the broker's clock stamp all other topics.

    Commits compare with those. By itself Kafka refuses what is stamped over an hour ahead.
    """
    admin: Any = confluent_kafka.admin
    topics = Topics.of(settings.kafka)
    wanted = {name: ("message.timestamp.type", "LogAppendTime") for name in topics.all}
    wanted[topics.samples] = ("message.timestamp.after.max.ms", str(2**62))
    resources = []
    for name, (option, value) in wanted.items():
        change = {"incremental_operation": admin.AlterConfigOpType.SET}
        entry = admin.ConfigEntry(option, value, **change)
        kind = admin.ResourceType.TOPIC
        resources.append(admin.ConfigResource(kind, name, incremental_configs=[entry]))
    client = admin.AdminClient({"bootstrap.servers": settings.kafka.bootstrap})
    for done in client.incremental_alter_configs(resources).values():
        done.result(30)
