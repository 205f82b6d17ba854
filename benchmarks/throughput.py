"""10,000 scripted samples through the whole pipeline, beside a bare loop making the same calls.

    python benchmarks/throughput.py [--samples 10000] [--json FILE]

The bare loop is what one would write without tidegauge: one aiokafka consumer, one `openai` client
over its aiohttp transport, two chat calls for each sample (the very bodies tidegauge sends), one
produced record. It loses records when killed, keeps no books and stores nothing. Both run against
the same broker and scripted model, one after the other, in this one run; CPU is user + system time
of the worker processes alone, from the first record sent to the last row stored.
"""

import argparse
import asyncio
import json
import os
import platform
import sys
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import openai
import psutil
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from agents.annotate.annotator import Annotator
from agents.judge.judge import new_judge
from agents.llm.ask import Ports
from agents.llm.budget import Budget
from agents.llm.cache import AnswerCache
from agents.llm.dialect import Dialect, chat_body
from agents.llm.requests import Answer, ChatRequest, CompletionRequest
from models.annotation import Annotation, Usage
from models.errors import ModelRefused
from models.record import Version
from models.sample import Sample
from models.settings import Settings
from models.task import Task
from streams.delivery.kafka import new_producer
from streams.embedded.instance import Instance, instance
from streams.embedded.parts import Wanted
from streams.store.client import Store, connect_sync
from streams.topics import STAGES, Topics

MARK = "@@TEXT@@"
WARM_UP = 200
CONCURRENCY = 32
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
BARE = "bare loop"


def text(number: int) -> str:
    return f"Hello, this is message number {number}; could you call me back about it today?"


def write_inputs(folder: Path, samples: int) -> None:
    (folder / "task.yaml").write_text(TASK)
    with (folder / "key.jsonl").open("w") as file:
        for n in range(samples):
            label = "spam" if n % 7 == 0 else "ham"
            file.write(json.dumps({"text": text(n), "label": label}) + "\n")


async def send(settings: Settings, topic: str, samples: int) -> None:
    producer = new_producer(settings)
    await producer.start()
    try:
        for n in range(samples):
            value = json.dumps({"id": f"s-{n}", "text": text(n)}).encode()
            await producer.send(topic, value, key=f"s-{n}".encode())
    finally:
        await producer.stop()


def stage_processes() -> dict[str, psutil.Process]:
    found = {}
    for child in psutil.Process().children(recursive=True):
        arguments = child.cmdline()
        if arguments[-2:-1] == ["streams.worker"]:
            found[arguments[-1]] = child
    return found


def cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


async def warm(running: Instance) -> None:
    """Have every stage at work: the first records wait for groups to form."""
    topic = Topics.of(running.settings.kafka).samples
    await send(running.settings, topic, WARM_UP)
    with closing(connect_sync(running.settings.clickhouse)) as store:
        while count_rows(store) < WARM_UP:  # noqa: ASYNC110 - the store has no event to wait for
            await asyncio.sleep(0.2)


def count_rows(store: Store) -> int:
    return int(store.query("SELECT count() AS n FROM results WHERE startsWith(id, 's-')")[0]["n"])


async def pipeline(running: Instance, samples: int) -> dict[str, Any]:
    """Time and CPU of tidegauge's own processes, warm, from the first send to the last row."""
    settings = running.settings
    topic = Topics.of(settings.kafka).samples
    with closing(connect_sync(settings.clickhouse)) as store:
        processes = stage_processes()
        before = {stage: cpu(process) for stage, process in processes.items()}
        began = time.monotonic()
        await send(settings, topic, samples)
        while count_rows(store) < samples:  # noqa: ASYNC110 - the store has no event to wait for
            await asyncio.sleep(0.5)
        seconds = time.monotonic() - began
        new = samples - WARM_UP
        spent = {stage: cpu(processes[stage]) - before[stage] for stage in STAGES}
        return {
            "samples": new,
            "seconds": seconds,
            "per_second": new / seconds,
            "cpu_ms": {stage: 1000 * used / new for stage, used in spent.items()},
        }


async def latency(running: Instance, rate: float, seconds: float) -> dict[str, float]:
    """p50 and p99 from produce to row, at a steady rate the pipeline keeps up with."""
    settings = running.settings
    producer = new_producer(settings)
    await producer.start()
    count, began = int(rate * seconds), time.monotonic()
    try:
        for n in range(count):
            await asyncio.sleep(max(0.0, began + n / rate - time.monotonic()))
            value = json.dumps({"id": f"l-{n}", "text": text(n)}).encode()
            await producer.send(Topics.of(settings.kafka).samples, value, key=f"l-{n}".encode())
    finally:
        await producer.stop()
    sql = """
        SELECT count() AS n, quantiles(0.5, 0.99)(
            dateDiff('millisecond', event_time, stored_at)) AS q
        FROM results FINAL WHERE startsWith(id, 'l-')"""
    with closing(connect_sync(settings.clickhouse)) as store:
        while (row := store.query(sql)[0])["n"] < count:  # noqa: ASYNC110 - no event to wait for
            await asyncio.sleep(0.2)
    p50, p99 = row["q"]
    return {"rate": rate, "samples": count, "p50_ms": p50, "p99_ms": p99}


class Recorder:
    """A model port that keeps the request it gets and answers nothing."""

    model = "scripted"
    deadline = 10.0

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []

    async def complete_json(self, request: ChatRequest) -> Answer:
        self.bodies.append(chat_body(request, Dialect()))
        raise ModelRefused("only recorded")

    async def next_token(self, request: CompletionRequest) -> Answer:
        raise ModelRefused("only recorded")


async def recorded_bodies(task: Task) -> list[dict[str, Any]]:
    """The very bodies that tidegauge sends to annotate and judge a sample whose text is MARK."""
    recorder = Recorder()
    cache: AnswerCache[Any] = AnswerCache(0, time.monotonic)
    ports = Ports(recorder, Budget(None), cache, time.monotonic, time.time, "salt")
    sample = Sample(id="1", text=MARK, task=task.name)
    annotation = Annotation(
        annotation_id="1",
        annotator=Version(name="a", hash="h"),
        labels=("ham",),
        model="scripted",
        usage=Usage(),
    )
    judge = new_judge(task, ports)
    assert judge is not None
    for asked in (
        Annotator(task, ports).annotate(sample, "key"),
        judge.judge(sample, annotation),
    ):
        with suppress(ModelRefused):
            await asked
    return recorder.bodies


async def bare(address: str, model: str, samples: int, bodies: list[dict[str, Any]]) -> None:
    """The loop to compare with, in a process of its own; prints its seconds and CPU."""
    client = openai.AsyncOpenAI(
        api_key="none",
        base_url=model,
        max_retries=0,
        http_client=openai.DefaultAioHttpClient(),
    )
    consumer = AIOKafkaConsumer(
        "bare-in",
        bootstrap_servers=address,
        group_id="bare-loop",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    producer = AIOKafkaProducer(bootstrap_servers=address, linger_ms=5)
    await consumer.start()
    await producer.start()
    slots = asyncio.Semaphore(CONCURRENCY)

    async def ask(body: dict[str, Any], content: str) -> str:
        system, user = body["messages"]
        filled = {**user, "content": user["content"].replace(MARK, content)}
        answer = await client.chat.completions.create(**{**body, "messages": [system, filled]})
        return str(answer.choices[0].message.content)

    async def one(record: Any) -> None:
        async with slots:
            sample = json.loads(record.value)
            label = json.loads(await ask(bodies[0], sample["text"]))
            verdict = json.loads(await ask(bodies[1], sample["text"]))
            answer = {"id": sample["id"], "label": label, "verdict": verdict}
            await producer.send_and_wait("bare-out", json.dumps(answer).encode(), key=record.key)

    began, used, done = time.monotonic(), time.process_time(), 0
    while done < samples:
        for records in (await consumer.getmany(timeout_ms=200, max_records=500)).values():
            await asyncio.gather(*(one(record) for record in records))
            done += len(records)
        await consumer.commit()
    print(json.dumps({"seconds": time.monotonic() - began, "cpu": time.process_time() - used}))
    await consumer.stop()
    await producer.stop()
    await client.close()


async def run_bare(running: Instance, samples: int, folder: Path) -> dict[str, Any]:
    """Send to the bare loop's own topic, and let it work in a process of its own."""
    settings = running.settings
    producer = new_producer(settings)
    await producer.start()
    await producer.partitions_for("bare-in")
    await producer.partitions_for("bare-out")
    await producer.stop()
    (task,) = running.tasks.values()
    (folder / "bodies.json").write_text(json.dumps(await recorded_bodies(task)))
    await send(settings, "bare-in", samples)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        __file__,
        "--bare",
        json.dumps([settings.kafka.bootstrap, settings.model.base_url, samples]),
        "--bodies",
        str(folder / "bodies.json"),
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError("the bare loop failed")
    found = json.loads(said)
    return {
        "samples": samples,
        "seconds": found["seconds"],
        "per_second": samples / found["seconds"],
        "cpu_ms": {BARE: 1000 * found["cpu"] / samples},
    }


async def measured(samples: int, folder: Path) -> dict[str, Any]:
    """Latency at a steady rate, then full speed, then the bare loop."""
    write_inputs(folder, samples)
    settings = Settings(data=folder / "data", tasks=(folder / "task.yaml",))
    wanted = Wanted(
        store=folder / "store", model="scripted", key=folder / "key.jsonl", dashboard=False
    )
    async with instance(settings, wanted, lambda line: print(f"  {line}", file=sys.stderr)) as run:
        await warm(run)
        slow = await latency(run, rate=50, seconds=20)
        ours = await pipeline(run, samples)
        loop = await run_bare(run, samples, folder)
    total = sum(ours["cpu_ms"].values())
    ratio = total / loop["cpu_ms"][BARE]
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    return {
        "machine": machine,
        "latency": slow,
        "pipeline": ours,
        "bare": loop,
        "pipeline_cpu_ms": total,
        "ratio": ratio,
    }


def report(found: dict[str, Any]) -> str:
    """What was measured, for people."""
    lines = [f"machine: {found['machine']}", ""]
    for name in ("pipeline", "bare"):
        part = found[name]
        lines.append(
            f"{name}: {part['samples']} samples in {part['seconds']:.1f} s,"
            f" {part['per_second']:.0f}/s"
        )
        lines += [f"  {stage:10} {ms:6.3f} ms CPU/sample" for stage, ms in part["cpu_ms"].items()]
    slow = found["latency"]
    lines += [
        f"all stages: {found['pipeline_cpu_ms']:.3f} ms CPU/sample,"
        f" {found['ratio']:.2f} x the bare loop",
        f"produce to row at {slow['rate']:.0f}/s: p50 {slow['p50_ms']:.0f} ms,"
        f" p99 {slow['p99_ms']:.0f} ms ({slow['samples']} samples)",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--bare", help=argparse.SUPPRESS)
    parser.add_argument("--bodies", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bare:
        address, model, samples = json.loads(options.bare)
        asyncio.run(bare(address, model, samples, json.loads(options.bodies.read_text())))
        return
    with tempfile.TemporaryDirectory(prefix="tidegauge-") as folder:
        found = asyncio.run(measured(options.samples, Path(folder)))
    print(report(found))
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
