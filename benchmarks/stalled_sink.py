"""Memory while the store stands still: full input, real Kafka, ClickHouse stopped for minutes.

    python -m benchmarks.stalled_sink [--minutes 2] [--json FILE] [--chart FILE.svg]

The store's process is stopped (SIGSTOP) at full input: samples are sent as fast as `annotate` takes
them. So the sink waits, the other stages go on, and Kafka holds what the sink has not read. After
that time it is let go on (SIGCONT), the input ends, and the clock runs until every sample is a row
and the ledger has nothing in flight. Resident memory is read each second.
"""

import argparse
import asyncio
import json
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from aiokafka import AIOKafkaProducer

from benchmarks.chart import Series, line_chart
from benchmarks.rig import (
    WARM_UP,
    books,
    broker_process,
    machine,
    partitions_of,
    real_kafka,
    record,
    scratch,
    stage_processes,
    started,
    store_process,
)
from models.settings import Settings
from streams.delivery.kafka import new_consumer, new_producer
from streams.embedded.instance import Instance
from streams.store.client import connect_sync
from streams.topics import Topics

TEXTS = 4000
AHEAD = 1000
"""Samples sent that `annotate` has not answered, at most: what it is always given."""
BEFORE_SECONDS = 10.0
DRAIN_SECONDS = 600.0
MEBI = 1024 * 1024


@dataclass
class Curve:
    """Resident memory in MiB by process, and the second of each reading."""

    processes: Mapping[str, psutil.Process]
    seconds: list[float] = field(default_factory=list)
    mib: dict[str, list[float]] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    async def watch(self) -> None:
        """Read once a second, for ever.

        Raises:
            psutil.NoSuchProcess: one has ended, which none may.
        """
        while True:
            self.seconds.append(round(time.monotonic() - self.began, 1))
            for name, process in self.processes.items():
                self.mib.setdefault(name, []).append(round(process.memory_info().rss / MEBI, 1))
            await asyncio.sleep(1)

    def at(self, moment: float) -> int:
        """The number of the last reading up to a moment."""
        return max(n for n, second in enumerate(self.seconds) if second <= moment or n == 0)

    def summary(self, stalled: float, resumed: float) -> dict[str, dict[str, float]]:
        """By process: MiB before, at the middle and the end of the stall, and at most in all."""
        marks = {
            "before": self.at(stalled),
            "middle": self.at((stalled + resumed) / 2),
            "end": self.at(resumed),
        }
        return {
            name: {mark: values[at] for mark, at in marks.items()} | {"most": max(values)}
            for name, values in self.mib.items()
        }


class Feed:
    """Sends samples as fast as `annotate` answers them, until it is told to end."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.sent = 0
        self.ended = False

    async def run(self) -> None:
        topics = Topics.of(self.settings.kafka)
        answers = await partitions_of(self.settings, topics.annotations)
        consumer, producer = new_consumer(self.settings, None), new_producer(self.settings)
        await consumer.start()
        await producer.start()
        try:
            while not self.ended:
                answered = sum((await consumer.end_offsets(answers)).values()) - WARM_UP
                await self._send(producer, topics.samples, answered + AHEAD - self.sent)
                await asyncio.sleep(0.1)
        finally:
            await producer.stop()
            await consumer.stop()

    async def _send(self, producer: AIOKafkaProducer, topic: str, count: int) -> None:
        for _ in range(max(0, count)):
            key, value = record("f", self.sent)
            await producer.send(topic, value, key=key)
            self.sent += 1
        await producer.flush()


async def stalled(running: Instance, minutes: float, kafka: Path) -> dict[str, Any]:
    """The curve over a stall, and what came of the samples."""
    settings, store = running.settings, store_process()
    curve = Curve({**stage_processes(), "store": store, "broker": broker_process(kafka)})
    feed = Feed(settings)
    watching, feeding = asyncio.create_task(curve.watch()), asyncio.create_task(feed.run())
    try:
        await asyncio.sleep(BEFORE_SECONDS)
        before = feed.sent
        store.send_signal(signal.SIGSTOP)
        stopped_at = time.monotonic()
        try:
            await unless_ended([watching, feeding], minutes * 60)
        finally:
            store.send_signal(signal.SIGCONT)
        resumed_at, meanwhile = time.monotonic(), feed.sent - before
        feed.ended = True
        await feeding
        ledger = await settled(settings, feed.sent + WARM_UP)
        drained = time.monotonic() - resumed_at
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
    begin, end = stopped_at - curve.began, resumed_at - curve.began
    return {
        "minutes": minutes,
        "stalled": [round(begin, 1), round(end, 1)],
        "sent": feed.sent,
        "sent_while_stalled": meanwhile,
        "per_second_while_stalled": meanwhile / (end - begin),
        "drained_seconds": drained,
        "ledger": ledger,
        "mib": curve.summary(begin, end),
        "curve": {"seconds": curve.seconds, "mib": curve.mib},
    }


async def unless_ended(tasks: Sequence[asyncio.Task[None]], seconds: float) -> None:
    """Let time pass; the error of a task that ends meanwhile is raised."""
    done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()


async def settled(settings: Settings, samples: int) -> dict[str, Any]:
    """The ledger once every sample is in a final state."""
    end = time.monotonic() + DRAIN_SECONDS
    with closing(connect_sync(settings.clickhouse)) as store:
        while (found := await asyncio.to_thread(books, store)).samples_in < samples or (
            found.in_flight
        ):
            if time.monotonic() > end:
                raise TimeoutError(f"not settled within {DRAIN_SECONDS:g} s: {found}")
            await asyncio.sleep(0.5)
    if found.samples_in != samples or not found.balanced:
        raise AssertionError(f"{samples} were sent: {found}")
    return {
        "in": found.samples_in,
        "states": {state: n for state, n in found.states.items() if n},
        "repeats": found.repeats,
    }


async def measured(minutes: float, folder: Path) -> dict[str, Any]:
    with real_kafka(folder / "kafka") as kafka:
        async with started(folder / "run", TEXTS, kafka) as running:
            found = await stalled(running, minutes, folder / "kafka")
    return {"machine": machine(), **found}


def report(found: Mapping[str, Any]) -> str:
    lines = [
        f"machine: {found['machine']}",
        f"store stopped for {found['minutes']:g} minutes; {found['sent_while_stalled']:,} samples"
        f" sent meanwhile, {found['per_second_while_stalled']:.0f}/s",
        f"{found['drained_seconds']:.0f} s after it went on nothing was in flight;"
        f" ledger: {found['ledger']}",
        "resident MiB   before  middle     end    most",
    ]
    for name, mib in found["mib"].items():
        lines.append(f"  {name:10}" + "".join(f"{value:8.0f}" for value in mib.values()))
    return "\n".join(lines)


def chart(found: Mapping[str, Any]) -> str:
    """The curves as a picture."""
    curve, (begin, end) = found["curve"], found["stalled"]
    series = [Series(name, curve["seconds"], values) for name, values in curve["mib"].items()]
    title = f"Resident memory, MiB; the store stands still from {begin:.0f} s to {end:.0f} s"
    return line_chart(title, series, (begin, end))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--chart", type=Path)
    options = parser.parse_args()
    with scratch() as folder:
        found = asyncio.run(measured(options.minutes, folder))
    print(report(found))
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")
    if options.chart:
        options.chart.write_text(chart(found), "utf-8")


if __name__ == "__main__":
    main()
