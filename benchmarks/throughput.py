"""10,000 scripted samples through the whole pipeline, beside a bare loop making the same calls.

    python -m benchmarks.throughput [--samples 10000] [--json FILE]

The bare loop is what one would write without tidegauge: one aiokafka consumer, one `openai` client
over its aiohttp transport, two chat calls for each sample (the very bodies tidegauge sends), one
produced record. It loses records when killed, keeps no books and stores nothing. Both run against
the same broker and scripted model, one after the other, in this one run; CPU is user + system time
of the worker processes alone, from the first record sent to the last row stored.
"""

import argparse
import asyncio
import json
import sys
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import openai
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from agents.annotate.annotator import Annotator
from agents.judge.judge import new_judge
from agents.llm.ask import Ports
from agents.llm.budget import Budget
from agents.llm.cache import AnswerCache
from agents.llm.dialect import Dialect, chat_body
from agents.llm.requests import Answer, ChatRequest, CompletionRequest
from benchmarks.rig import cpu, machine, scratch, send, stage_processes, started, stored
from models.annotation import Annotation, Usage
from models.errors import ModelRefused
from models.record import Version
from models.sample import Sample
from models.task import Task
from streams.delivery.kafka import new_producer
from streams.embedded.instance import Instance
from streams.store.client import connect_sync
from streams.topics import STAGES

MARK = "@@TEXT@@"
CONCURRENCY = 32
BARE = "bare loop"


async def pipeline(running: Instance, samples: int) -> dict[str, Any]:
    """Time and CPU of tidegauge's own processes, warm, from the first send to the last row."""
    settings = running.settings
    processes = stage_processes()
    before = {stage: cpu(process) for stage, process in processes.items()}
    began = time.monotonic()
    await send(settings, "s", samples)
    await stored(settings, "s", samples)
    seconds = time.monotonic() - began
    spent = {stage: cpu(processes[stage]) - before[stage] for stage in STAGES}
    return {
        "samples": samples,
        "seconds": seconds,
        "per_second": samples / seconds,
        "cpu_ms": {stage: 1000 * used / samples for stage, used in spent.items()},
    }


async def latency(running: Instance, rate: float, seconds: float) -> dict[str, float]:
    """p50 and p99 from produce to the sink's insert, at a steady rate it keeps up with."""
    settings = running.settings
    count = int(rate * seconds)
    await send(settings, "l", count, rate)
    await stored(settings, "l", count)
    sql = """
        SELECT quantiles(0.5, 0.99)(dateDiff('millisecond', event_time, stored_at)) AS q
        FROM results FINAL WHERE startsWith(id, 'l-')"""
    with closing(connect_sync(settings.clickhouse)) as store:
        p50, p99 = store.query(sql)[0]["q"]
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
    await send(settings, "s", samples, topic="bare-in")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.throughput",
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
    async with started(folder, samples) as run:
        slow = await latency(run, rate=50, seconds=20)
        ours = await pipeline(run, samples)
        loop = await run_bare(run, samples, folder)
    total = sum(ours["cpu_ms"].values())
    ratio = total / loop["cpu_ms"][BARE]
    return {
        "machine": machine(),
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
    with scratch() as folder:
        found = asyncio.run(measured(options.samples, folder))
    print(report(found))
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
