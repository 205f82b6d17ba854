"""What every signal in the registry promises: silence, speed, an exact and bounded state."""

import json
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from agents.drift.plan import Plan
from agents.drift.signal_watch import SignalWatch
from agents.drift.signals import SIGNALS, MeanSignal, WatchedSignal
from models.drift import Alarm, Reading, Signal
from models.sample import Source

DEFAULT = Plan()
START = datetime(2026, 1, 1, tzinfo=UTC)

every_signal = pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.name)


def number(rng: random.Random, shift: float) -> float:
    return rng.betavariate(6.8 - 8.5 * shift, 1.7 + 8.5 * shift)


def label(rng: random.Random, shift: float) -> str:
    return rng.choices("abcde", (0.4 - shift, 0.25, 0.2, 0.1, 0.05 + shift))[0]


def readings(signal: WatchedSignal, seed: int, change_at: int, shift: float) -> Iterator[Reading]:
    """An endless stream with all values; only the signal's own moves, at `change_at`."""
    rng = random.Random(seed)
    draw: Callable[[random.Random, float], object]
    field, draw = ("label", label)
    if isinstance(signal, MeanSignal):
        field, draw = signal.name, number
    place = 0
    while True:
        now = shift if place >= change_at else 0.0
        at = START + timedelta(seconds=place)
        yield Reading.model_validate(
            {
                "task": "task",
                "sample_key": str(place),
                "source": Source(topic="samples", partition=0, offset=place, at=at),
                field: draw(rng, now),
            }
        )
        place += 1


def watched(signal: WatchedSignal, plan: Plan = DEFAULT) -> SignalWatch:
    return SignalWatch("task", "", signal, plan)


def test_the_registry_holds_every_signal_records_know_of_once() -> None:
    names = [signal.name for signal in SIGNALS]
    assert sorted(names) == sorted(get_args(Signal))


@every_signal
def test_a_reading_without_the_value_is_skipped(signal: WatchedSignal) -> None:
    at = Source(topic="samples", partition=0, offset=0, at=START)
    watch = watched(signal)
    empty = Reading(task="task", sample_key="key", source=at)
    assert signal.value(empty) is None
    assert watch.update(empty) == ()
    assert watch.standing().collected == 0


@every_signal
def test_silent_on_streams_that_do_not_change(signal: WatchedSignal) -> None:
    for seed in range(3):
        watch, stream = watched(signal), readings(signal, seed, 0, 0.0)
        for _ in range(10_000):
            assert watch.update(next(stream)) == ()


@every_signal
def test_alarms_within_its_declared_delay_and_tells_of_the_change(signal: WatchedSignal) -> None:
    for seed in range(10):
        watch, stream = watched(signal), readings(signal, seed, 3000, 0.2)
        alarms: list[Alarm] = []
        for _ in range(3000):
            alarms += watch.update(next(stream))
        for _ in range(signal.delay):
            alarms += watch.update(next(stream))
        (alarm,) = alarms
        assert alarm.signal == signal.name
        assert alarm.before.n == DEFAULT.baseline
        assert alarm.since is not None
        assert abs((alarm.since - START).total_seconds() - 3000) <= 100
        assert alarm.examples


@every_signal
@pytest.mark.parametrize("cut", [0, 150, 700, 1050, 1200])
def test_a_resumed_watch_gives_equal_output(signal: WatchedSignal, cut: int) -> None:
    plan = Plan(baseline=300, run_length=10_000)
    running, stream = watched(signal, plan), readings(signal, 1, 1000, 0.2)
    for _ in range(cut):
        running.update(next(stream))
    resumed = watched(signal, plan)
    resumed.resume(json.loads(json.dumps(running.state(), allow_nan=False)))
    for _ in range(1500 - cut):
        one = next(stream)
        assert resumed.update(one) == running.update(one)
    assert resumed.state() == running.state()


@every_signal
def test_the_state_stays_small_however_long_the_stream(signal: WatchedSignal) -> None:
    watch, stream = watched(signal), readings(signal, 2, 0, 0.0)
    for _ in range(20_000):
        watch.update(next(stream))
    assert len(json.dumps(watch.state())) < 25_000
