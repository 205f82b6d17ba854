"""Two workers a stage: what they spend together, and what others notice when one is killed."""

import asyncio
import signal
import sys
import time
from asyncio.subprocess import DEVNULL
from collections import defaultdict
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import pytest
from aiokafka import TopicPartition

from models.settings import Kafka
from streams.delivery.kafka import new_consumer
from streams.embedded import apache_kafka
from streams.embedded.parts import child_environment
from streams.topics import Topics
from tests.kafka_here import new_prefix, started

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]

StartRig = Callable[..., AbstractAsyncContextManager[Any]]
Samples = Callable[..., Any]

CAP = 1.0
CALLS_AT_ONCE = 4
PRICED = f"""
name: t
kind: classification
instructions: Label the message.
labels:
  - {{name: ham, definition: an ordinary message}}
  - {{name: spam, definition: an advertisement or a fraud}}
annotator: {{mode: chat, price: {{input: 20, output: 0}}}}
judge: {{kind: rubric, price: {{input: 0, output: 0}}}}
routing: {{budget: 0.2, audit: 0.05}}
drift: {{baseline: 200}}
spend: {{daily_usd: {CAP}}}
cache_seconds: 0
"""


def worker(rig: Any, stage: str, slot: str) -> psutil.Process | None:
    """The running process of a stage in a slot."""
    for process in rig.processes(stage):
        if process.environ().get("TIDEGAUGE_SLOT") == slot:
            found: psutil.Process = process
            return found
    return None


def booked(rig: Any) -> tuple[float, int]:
    """Dollars and annotate's calls as the store has them."""
    sql = "SELECT sum(usd) AS usd, sumIf(calls, stage = 'annotate') AS calls FROM spend FINAL"
    row = rig.store.query(sql)[0]
    return float(row["usd"]), int(row["calls"])


async def killed(rig: Any, slot: str) -> None:
    process = await rig.until(lambda: worker(rig, "annotate", slot), lambda found: found)
    process.kill()


async def test_a_days_spend_is_capped_whoever_is_killed(
    start_rig: StartRig,
    make_samples: Samples,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TIDEGAUGE_MODEL__CONCURRENCY", str(CALLS_AT_ONCE))
    async with start_rig(tmp_path, PRICED, workers=2) as rig:
        rig.model("/control", {"latency_ms": 250})
        await rig.send(make_samples(900))
        kills = 0
        for slot, share in (("0", 0.2), ("1", 0.4), ("0", 0.6)):
            await rig.until(lambda: booked(rig)[0], lambda usd, s=share: usd >= s * CAP)
            await killed(rig, slot)
            kills += 1
        books = await rig.settled(900, 150)
        usd, calls = booked(rig)
        served = rig.model("/control/counts")["annotate"]
        unit = usd / calls
        with capsys.disabled():
            print(f"\ncap={CAP} booked={usd:.3f} served={served * unit:.3f} kills={kills}", end=" ")
        unsaid = kills * (0.01 * CAP + 2 * CALLS_AT_ONCE * unit)
        in_the_dark = 4 * CALLS_AT_ONCE * 4 * unit  # a worker's calls of four seconds
        assert 0.7 * CAP < served * unit <= CAP + unsaid + in_the_dark
        assert served - calls <= unsaid / unit
        assert books.states["over_budget"] > 0
        assert books.balanced

        for slot in ("0", "1"):
            await killed(rig, slot)
        await rig.send(make_samples(200, 900))
        await rig.settled(1100, 150)
        more = rig.model("/control/counts")["annotate"] - served
        assert more * unit <= unsaid, "a restart goes on from what the store knows"


async def test_a_stage_that_buries_its_traffic_stops_for_good_and_goes_on_when_mended(
    start_rig: StartRig, make_samples: Samples, tmp_path: Path
) -> None:
    async with start_rig(tmp_path, dead_letter_window=40) as rig:
        await rig.send(make_samples(10))
        await rig.settled(10)
        await rig.send([(b"k", b"no sample")] * 60)
        said = await rig.until(
            lambda: [line for line in rig.told if "annotate gave up" in line], bool
        )
        assert "is not started again" in said[0]
        assert "of the last" in said[0]
        assert "InvalidRecord" in said[0]
        assert rig.processes("annotate") == []
        assert rig.processes("judge")
        letters = await rig.until(lambda: rig.count("dead_letters"), lambda n: n >= 20)
        assert letters < 60, "the rest waits, unacknowledged"

        env = child_environment(rig.settings) | {"TIDEGAUGE_DELIVERY__DEAD_LETTER_SHARE": "1"}
        again = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "streams.worker", "annotate", env=env, stdin=DEVNULL
        )
        try:
            books = await rig.settled(70)
        finally:
            again.terminate()
            await again.wait()
        assert books.states["dead_lettered"] == 60
        assert rig.count("dead_letters") == 60, "none is buried twice"
        assert books.balanced


async def gaps(rig: Any, since: float) -> dict[int, float]:
    """The longest pause between two annotations since a moment, by partition."""
    topic = Topics.of(rig.settings.kafka).annotations
    reader = new_consumer(rig.settings, None)
    await reader.start()
    try:
        partitions = [TopicPartition(topic, n) for n in range(rig.settings.kafka.partitions)]
        reader.assign(partitions)
        ends = await reader.end_offsets(partitions)
        for tp in partitions:
            reader.seek(tp, 0)
        stamps: dict[int, list[float]] = defaultdict(list)
        while [tp for tp in partitions if await reader.position(tp) < ends[tp]]:
            for tp, records in (await reader.getmany(timeout_ms=500)).items():
                stamps[tp.partition] += [r.timestamp / 1000 for r in records]
    finally:
        await reader.stop()
    return {
        n: max((b - a for a, b in pairwise(seen) if b > since), default=0.0)
        for n, seen in stamps.items()
    }


@pytest.mark.kafka
async def test_a_killed_worker_disturbs_nobody_and_a_stop_without_a_broker_ends(
    start_rig: StartRig,
    make_samples: Samples,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "kafka"
    cluster = await asyncio.to_thread(started, folder)
    kafka = Kafka(bootstrap=cluster.bootstrap, prefix=new_prefix(), start="earliest")
    try:
        async with start_rig(tmp_path, kafka=kafka, workers=2, stop_seconds=8) as rig:
            await rig.send(make_samples(40))
            await rig.settled(40)
            began = time.time()
            for second in range(20):
                await rig.send(make_samples(40, 40 * (second + 1)))
                await asyncio.sleep(0.5)
                if second == 4:
                    await killed(rig, "1")
            await rig.settled(840)
            longest = sorted((await gaps(rig, began)).values())
            with capsys.disabled():
                print(f"\npauses by partition, s: {[round(gap, 1) for gap in longest]}", end=" ")
            # 2 s and 4 s on a machine that does nothing else; a loaded one starts processes slowly.
            assert longest[1] < 6, "the other worker's partitions go on"
            assert longest[3] < 40, "and the killed one's when it is back, with its slot"

            await rig.send(make_samples(40, 840))
            process = worker(rig, "annotate", "0")
            assert process is not None
            apache_kafka.kill_node(folder, 1)
            asked = time.monotonic()
            process.send_signal(signal.SIGTERM)
            await asyncio.to_thread(process.wait, 30)
            took = time.monotonic() - asked
            with capsys.disabled():
                print(f"stop without a broker: {took:.1f} s", end=" ")
            assert took < 8 + 3
    finally:
        await asyncio.to_thread(apache_kafka.stop, folder)
