"""The drift stage under crashes: the same alarms under the same ids, nothing skipped."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from models.drift import Alarm, AlarmAction, Reading
from models.errors import StoreUnavailable
from models.identity import digest
from models.rows import SnapshotRow
from models.sample import Source
from models.settings import Kafka
from models.task_file import parse_task
from streams.delivery.batches import Batch
from streams.delivery.dead_letter_limit import DeadLetterLimit, TooManyDeadLetters
from streams.delivery.dead_letters import Bury
from streams.delivery.records import Incoming, Output
from streams.stages import drift
from streams.stages.drift import DriftStage, Outlet, Slice, Snapshots
from streams.stages.judge import identify
from streams.topics import Topics

TASK = parse_task(
    """
name: t
kind: classification
instructions: say
labels: [{name: ham}, {name: spam}]
drift: {baseline: 100, run_length: 2000, margin: 0.02}
""",
    "t.yaml",
)
TOPICS = Topics.of(Kafka())
START = datetime(2026, 1, 1, tzinfo=UTC)


class World:
    """Kafka and the store, as far as drift sees them; both may fail."""

    def __init__(self, seed: int = 0, failing: float = 0.0) -> None:
        self.rows: dict[Slice, SnapshotRow] = {}
        self.alarms: list[Alarm] = []
        self.letters: list[Output] = []
        self.rng = random.Random(seed)
        self.failing = failing

    def _maybe_fail(self) -> None:
        if self.rng.random() < self.failing:
            raise StoreUnavailable("away")

    async def load(self, slices: Sequence[Slice]) -> Mapping[Slice, SnapshotRow]:
        self._maybe_fail()
        return {name: self.rows[name] for name in slices if name in self.rows}

    async def save(self, rows: Sequence[SnapshotRow]) -> None:
        for row in rows:
            self._maybe_fail()
            kept = self.rows.get((row.task, row.slice))
            if kept is None or kept.met <= row.met:
                self.rows[(row.task, row.slice)] = row

    async def send(self, outputs: Sequence[Output]) -> None:
        for output in outputs:
            self._maybe_fail()
            if output.topic == TOPICS.alarms:
                self.alarms.append(Alarm.model_validate_json(output.value))
            else:
                self.letters.append(output)

    def stage(self) -> DriftStage:
        bury = Bury(TOPICS.dead_letters, "drift", identify, lambda: 0.0)
        kept = Snapshots(self.load, self.save)
        outlet = Outlet(self.send, bury, DeadLetterLimit(share=0.5, window=40))
        return DriftStage(TOPICS, {"t": TASK}, kept, outlet)


def record(offset: int, value: bytes) -> Incoming:
    source = Source(topic=TOPICS.readings, partition=0, offset=offset, at=START)
    return Incoming(source, b"t", value)


def traffic(count: int = 400, shift_at: int = 200) -> list[Incoming]:
    rng = random.Random(7)
    records = []
    for n in range(count):
        spam = rng.random() < (0.15 if n < shift_at else 0.7)
        source = Source(topic="s", partition=0, offset=n, at=START + timedelta(seconds=n))
        reading = Reading(
            task="t",
            sample_key=digest(str(n)),
            source=source,
            label="spam" if spam else "ham",
            confidence=rng.uniform(0.8, 1.0),
            judge_score=rng.uniform(0.7, 1.0),
        )
        records.append(record(n, reading.encode()))
    return records


def batches(records: list[Incoming], size: int, epoch: int = 0) -> list[Batch]:
    return [Batch(records[n : n + size], {}, epoch) for n in range(0, len(records), size)]


@pytest.fixture(autouse=True)
def _snapshot_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift, "SNAPSHOT_SECONDS", 0.0)
    monkeypatch.setattr(drift, "SNAPSHOT_BYTES_PER_SECOND", float("inf"))


async def plain_run(records: list[Incoming]) -> World:
    world = World()
    stage = world.stage()
    for batch in batches(records, 20):
        assert await stage.work(batch)
    return world


async def test_the_shift_is_found() -> None:
    world = await plain_run(traffic())
    (alarm,) = [a for a in world.alarms if a.signal == "label_mix"]
    assert alarm.state == "open"
    assert alarm.after.mix["spam"] > alarm.before.mix["spam"]


@pytest.mark.parametrize("seed", range(6))
async def test_crashes_change_no_alarm(seed: int) -> None:
    records = traffic()
    expected = {(a.alarm_id, a.state) for a in (await plain_run(records)).alarms}
    world = World(seed, failing=0.15)
    rng = random.Random(seed)
    stage, at, epoch = world.stage(), 0, 0
    committed = 0
    while committed < len(records):
        batch = Batch(records[at : at + rng.randrange(1, 40)], {}, epoch)
        try:
            done = await stage.work(batch)
        except StoreUnavailable:
            if rng.random() < 0.5:  # the process dies and another takes over from the commit
                stage, at, epoch = world.stage(), committed, epoch + 1
            continue
        at += len(batch.records)
        if done:
            committed = at
    assert {(a.alarm_id, a.state) for a in world.alarms} == expected


async def test_a_repeat_moves_nothing() -> None:
    records = traffic()
    expected = {a.alarm_id for a in (await plain_run(records)).alarms}
    again = [record(1000 + n, r.value) for n, r in enumerate(records[:150])]
    world = World()
    stage = world.stage()
    interleaved = records[:150] + again + records[150:]
    renumbered = [record(n, r.value) for n, r in enumerate(interleaved)]
    for batch in batches(renumbered, 25):
        await stage.work(batch)
    moved = {a.signal for a in world.alarms}
    assert moved == {a.signal for a in (await plain_run(records)).alarms}
    assert len(world.alarms) == len(expected)


async def test_an_action_takes_effect_where_it_stands_and_survives_a_restart() -> None:
    records = traffic()
    world = World()
    stage = world.stage()
    for batch in batches(records, 50):
        await stage.work(batch)
    action = AlarmAction(task="t", action="rebaseline", by="me", at=START)
    await stage.work(Batch([record(5000, action.encode())], {}, 0))
    assert {a.state for a in world.alarms if a.signal == "label_mix"} == {"open", "closed"}
    row = world.rows[("t", "")]
    assert (row.warm, row.collected) == (False, 0)
    restarted = world.stage()
    await restarted.work(Batch([record(5000, action.encode())], {}, 0))
    assert len(world.alarms) == 2 * len({a.alarm_id for a in world.alarms})


async def test_rubbish_becomes_a_dead_letter() -> None:
    world = World()
    stage = world.stage()
    assert await stage.work(Batch([record(0, b"{"), record(1, b"\xff")], {}, 0))
    assert len(world.letters) == 2


async def test_a_stage_that_can_read_hardly_anything_stops_with_its_letters_stored() -> None:
    world = World()
    stage = world.stage()
    first, second = batches([record(n, b"{") for n in range(20)], 10)
    await stage.work(first)
    with pytest.raises(TooManyDeadLetters):
        await stage.work(second)
    assert len(world.letters) == 20  # half a window is enough to judge by


async def test_rubbish_among_readings_does_not_stop_it() -> None:
    world = World()
    stage = world.stage()
    good = traffic(200)
    mixed = [record(n, b"{") if n % 4 == 0 else good[n] for n in range(200)]
    for batch in batches(mixed, 10):
        await stage.work(batch)
    assert len(world.letters) == 50


@pytest.mark.parametrize("away", ["send", "save"])
async def test_what_was_read_in_a_batch_that_is_worked_again_is_one_dead_letter(away: str) -> None:
    world = World()
    stage = world.stage()
    shifted = traffic()
    for batch in batches(shifted[:-20], 20):
        await stage.work(batch)
    raised = len(world.alarms)
    rubbish = [record(len(shifted) + n, b"{") for n in range(3)]
    action = AlarmAction(task="t", action="rebaseline", by="me", at=START)
    last = Batch([*shifted[-20:], *rubbish, record(len(shifted) + 3, action.encode())], {}, 0)
    working, failures = getattr(world, away), 0

    async def failing(given: Any) -> None:
        nonlocal failures
        failures += 1
        if failures < 5:
            raise StoreUnavailable("away")
        await working(given)

    if away == "send":
        stage.outlet = replace(stage.outlet, send=failing)
    else:
        stage.snapshots = Snapshots(world.load, failing)
    for _ in range(4):
        with pytest.raises(StoreUnavailable):
            await stage.work(last)
    assert await stage.work(last)
    assert len(world.letters) == 3
    assert len(world.alarms) > raised, "alarms of the attempts that failed are sent, too"
    assert len({(a.alarm_id, a.state) for a in world.alarms}) == len(world.alarms)


async def test_a_slice_that_moves_to_another_partition_goes_on() -> None:
    records = traffic()
    expected = {a.signal for a in (await plain_run(records)).alarms}
    world = World()
    stage = world.stage()
    for batch in batches(records[:150], 50):
        await stage.work(batch)
    moved = [
        Incoming(r.source.model_copy(update={"partition": 3, "offset": n}), r.key, r.value)
        for n, r in enumerate(records[150:])
    ]
    for batch in batches(moved, 50, epoch=1):
        await stage.work(batch)
    assert {a.signal for a in world.alarms} == expected
    assert world.rows[("t", "")].met == len(records)
