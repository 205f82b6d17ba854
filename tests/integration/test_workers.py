"""Two workers a stage: what they spend together, and what others notice when one is killed."""

import asyncio
import signal
import sys
import time
from asyncio.subprocess import DEVNULL
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import psutil
import pytest

from models.settings import Kafka
from streams.delivery.kafka import group_of
from streams.embedded import apache_kafka
from streams.embedded.parts import child_environment
from tests.integration.conftest import LABELLING, Parts
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


async def cut_down(rig: Any, slot: str) -> int:
    """Kill a worker while none of them moves; the calls served that the books do not know then."""
    victim = await rig.until(lambda: worker(rig, "annotate", slot), lambda found: found)
    workers = rig.processes("annotate")
    for each in workers:
        each.suspend()
    try:
        served = await standing(rig, lambda: rig.model("/control/counts")["annotate"])
        _, calls = booked(rig)
        victim.kill()
    finally:
        for each in workers:
            if each != victim:
                each.resume()
    return int(served) - calls


async def standing(rig: Any, look: Callable[[], Any]) -> Any:
    """A number once it stands still for a second."""
    seen: list[Any] = []

    def still() -> bool:
        seen.append(look())
        return len(seen) > 5 and len(set(seen[-6:])) == 1

    await rig.until(still, bool)
    return seen[-1]


async def test_a_days_spend_is_capped_whoever_is_killed(
    start_rig: StartRig,
    make_samples: Samples,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TIDEGAUGE_MODEL__CONCURRENCY", str(CALLS_AT_ONCE))
    parts = Parts(LABELLING, workers=2)
    async with start_rig(tmp_path, PRICED, parts=parts, health_seconds=1) as rig:
        rig.model("/control", {"latency_ms": 250})
        await rig.send(make_samples(900))
        unknown = []
        for slot, share in (("0", 0.2), ("1", 0.4), ("0", 0.6)):
            await rig.until(lambda: booked(rig)[0], lambda usd, s=share: usd >= s * CAP)
            unknown.append(await cut_down(rig, slot))
        books = await rig.settled(900, 150)
        usd, calls = booked(rig)
        served = rig.model("/control/counts")["annotate"]
        unit = usd / calls
        with capsys.disabled():
            print(f"\ncap={CAP} booked={usd:.3f} served={served * unit:.3f} {unknown=}", end=" ")
        unsaid = len(unknown) * (0.01 * CAP + 2 * CALLS_AT_ONCE * unit)
        in_the_dark = 4 * CALLS_AT_ONCE * 4 * unit  # a worker's calls of four seconds
        assert 0.7 * CAP < served * unit <= CAP + unsaid + in_the_dark
        assert served - calls <= sum(unknown), "a kill costs what was not said, and no more"
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
    async with start_rig(tmp_path, parts=Parts(LABELLING), dead_letter_window=40) as rig:
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


def rebalances(folder: Path, group: str) -> int:
    """How often the broker had a group's members join anew, as its log says."""
    log = (folder / "node-1.log").read_text("utf-8")
    return sum(f"Preparing to rebalance group {group} " in line for line in log.splitlines())


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
        async with start_rig(
            tmp_path, kafka=kafka, parts=Parts(LABELLING, workers=2), stop_seconds=8
        ) as rig:
            await rig.send(make_samples(40))
            await rig.settled(40)
            group = group_of(kafka, "annotate")
            before = rebalances(folder, group)
            assert before > 0, "the log tells of the joins at the start"
            for round_ in range(20):
                await rig.send(make_samples(40, 40 * (round_ + 1)))
                await asyncio.sleep(0.5)
                if round_ == 4:
                    victim = worker(rig, "annotate", "1")
                    await killed(rig, "1")
            await rig.settled(840)
            back = await rig.until(lambda: worker(rig, "annotate", "1"), lambda found: found)
            assert back != victim
            assert rebalances(folder, group) == before, "nobody had to stop and join anew"

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
