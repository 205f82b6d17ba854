"""What the drift detectors cost, how often they are wrong and how soon they are right.

    python -m benchmarks.drift

Prints microseconds per update, false alarms per 100,000 readings without any change, and the mean
delay of true changes, each from seeded streams whose baselines are drawn anew. About a minute.
"""

import json
import platform
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import repeat
from statistics import mean
from time import perf_counter
from typing import Any

from agents.drift.detector import Detector
from agents.drift.plan import Plan
from agents.drift.signals import MeanSignal, MixSignal
from agents.drift.watch import SliceWatch
from models.drift import Reading
from models.sample import Source

DEFAULT = Plan()
DEMO = Plan(baseline=150, run_length=30_000.0)
QUIET = {DEFAULT: 1000, DEMO: 30}
"""Readings between the baseline and the change."""

Draw = Callable[[random.Random, float], Any]


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of traffic: a draw whose second argument is the size of the shift."""

    title: str
    signal: MeanSignal | MixSignal
    draw: Draw
    shifts: tuple[float, ...]


def score(rng: random.Random, shift: float) -> float:
    """A judge score with mean .80 and sd .13, lowered by `shift`."""
    center = 0.8 - shift
    weight = center * (1 - center) / 0.13**2 - 1
    return rng.betavariate(center * weight, (1 - center) * weight)


def five_labels(rng: random.Random, shift: float) -> str:
    """One of five labels; `shift` moves from the commonest to the rarest."""
    return rng.choices("abcde", (0.4 - shift, 0.25, 0.2, 0.1, 0.05 + shift))[0]


def two_labels(rng: random.Random, shift: float) -> str:
    """Spam in 15 % of the traffic, and `shift` more."""
    return "spam" if rng.random() < 0.15 + shift else "personal"


JUDGE = MeanSignal("judge_score", lambda reading: reading.judge_score, margin=0.01, delay=40)
LABELS = MixSignal("label_mix", lambda reading: reading.label, delay=120)
CASES = (
    Case("judge score", JUDGE, score, (0.05, 0.1, 0.2)),
    Case("five labels", LABELS, five_labels, (0.05, 0.1, 0.2)),
    Case("two labels", LABELS, two_labels, (0.1, 0.2, 0.35)),
)


def fresh(case: Case, plan: Plan, rng: random.Random) -> tuple[Detector[Any], ...]:
    """Detectors on a baseline of their own."""
    tally: Any = case.signal.tally()
    for _ in range(plan.baseline):
        tally.add(case.draw(rng, 0.0))
    return case.signal.detectors(tally, plan)


def delay(detector: Detector[Any], values: Iterator[Any], limit: int) -> int | None:
    """Values until it crosses, null if it does not within `limit`."""
    for count in range(1, limit + 1):
        detector.update(next(values), 0.0)
        if detector.crossed:
            return count
    return None


def false_alarms(case: Case, plan: Plan, streams: int, length: int) -> list[int]:
    """False alarms of each detector over all streams; after one it starts anew."""
    counts = [0, 0]
    for stream in range(streams):
        detectors = list(fresh(case, plan, random.Random(stream)))
        rng = random.Random(-1 - stream)
        for _ in range(length):
            value = case.draw(rng, 0.0)
            for k, detector in enumerate(detectors):
                detector.update(value, 0.0)
                if detector.crossed:
                    counts[k] += 1
                    detectors[k] = fresh(case, plan, random.Random(stream))[k]
    return counts


def delays(case: Case, plan: Plan, streams: int, shift: float) -> list[list[int | None]]:
    """For each detector its delay in each stream, after a short stretch without change."""
    found: list[list[int | None]] = [[], []]
    for stream in range(streams):
        rng = random.Random(10_000 + stream)
        for k, detector in enumerate(fresh(case, plan, rng)):
            for _ in range(QUIET[plan]):
                detector.update(case.draw(rng, 0.0), 0.0)
            found[k].append(delay(detector, (case.draw(rng, s) for s in repeat(shift)), 5000))
    return found


def told(found: list[int | None]) -> str:
    """Mean delay, with the share found where it is not all."""
    hits = [count for count in found if count is not None]
    share = "" if len(hits) == len(found) else f" ({len(hits) / len(found):.0%})"
    return f"{mean(hits):.0f}{share}" if hits else "none"


def detector_table(plan: Plan, streams: int, length: int) -> None:
    """One line per kind of traffic and detector."""
    print(f"\nbaseline {plan.baseline}, run length {plan.run_length:,.0f}, {streams} streams")
    for case in CASES:
        names = [detector.name for detector in fresh(case, plan, random.Random(0))]
        counts = false_alarms(case, plan, streams, length)
        by_shift = {shift: delays(case, plan, streams, shift) for shift in case.shifts}
        for k, name in enumerate(names):
            rate = counts[k] / (streams * length) * 1e5
            cells = "  ".join(f"+{s:.0%} {told(found[k])}" for s, found in by_shift.items())
            print(f"  {case.title:12} {name:12} false/100k {rate:4.1f}   delay {cells}")


def cost_table(length: int) -> None:
    """Microseconds per update of each detector, and of a whole slice; the best of five runs."""
    print("\nmicroseconds per update")
    for case in CASES:
        rng = random.Random(1)
        values = [case.draw(rng, 0.0) for _ in range(length)]
        for detector in fresh(case, DEFAULT, rng):
            spent = min(update_cost(detector, values) for _ in range(5))
            print(f"  {case.title:12} {detector.name:12} {spent:5.2f}")
    watch, spent = slice_cost(5 * length)
    state = json.dumps(watch.state())
    print(f"  a slice, all signals      {spent:5.2f}   snapshot {len(state) / 1e3:.0f} kB")


def update_cost(detector: Detector[Any], values: list[Any]) -> float:
    """Microseconds per update over these values."""
    began = perf_counter()
    for value in values:
        detector.update(value, 0.0)
    return (perf_counter() - began) / len(values) * 1e6


def slice_cost(length: int) -> tuple[SliceWatch, float]:
    """A watch after that many readings, and microseconds per reading."""
    rng, watch = random.Random(2), SliceWatch("task", "", DEFAULT)
    readings = [reading(rng, number) for number in range(length)]
    began = perf_counter()
    for one in readings:
        watch.update(one)
    return watch, (perf_counter() - began) / length * 1e6


def reading(rng: random.Random, number: int) -> Reading:
    """A reading without any change."""
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number)
    return Reading(
        task="task",
        sample_key=str(number),
        source=Source(topic="samples", partition=0, offset=number, at=at),
        label=two_labels(rng, 0.0),
        confidence=score(rng, 0.0),
        judge_score=score(rng, 0.0),
    )


if __name__ == "__main__":
    print(f"python {platform.python_version()}, {platform.machine()}, {sys.platform}")
    cost_table(20_000)
    detector_table(DEFAULT, streams=20, length=15_000)
    detector_table(DEMO, streams=60, length=3000)
