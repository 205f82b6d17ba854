"""ADWIN with a JSON state: decides as river does within its window, and resumes exactly."""

import json
import random
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river.drift import ADWIN

from agents.drift.adwin import KEPT, Adwin


def stream(seed: int, quiet: int, moved: int, shares: tuple[float, float]) -> list[float]:
    rng = random.Random(seed)
    draws = [float(rng.random() < shares[0]) for _ in range(quiet)]
    return draws + [float(rng.random() < shares[1]) for _ in range(moved)]


@pytest.mark.parametrize("seed", range(5))
def test_decides_as_river_does_while_the_window_is_kept(seed: int) -> None:
    ours, theirs = Adwin(0.05), cast(Any, ADWIN)(delta=0.05)
    for value in stream(seed, 1200, 1200, (0.2, 0.4)):
        ours.update(value, 0.0)
        theirs.update(value)
        assert ours.crossed == theirs.drift_detected


@pytest.mark.parametrize("seed", range(5))
def test_a_detection_shows_evidence_above_its_threshold_and_the_place(seed: int) -> None:
    detector = Adwin(0.05)
    for number, value in enumerate(stream(seed, 800, 800, (0.2, 0.45))):
        detector.update(value, float(number))
        if detector.crossed:
            break
    change = detector.change()
    assert detector.crossed
    assert detector.evidence >= detector.threshold
    assert change.direction == "up"
    assert abs(change.since - 800) <= 96
    assert change.after.mean == pytest.approx(0.45, abs=0.15)


def test_after_a_detection_it_starts_a_new_window() -> None:
    detector = Adwin(0.05)
    crossings = 0
    for value in stream(3, 1000, 2000, (0.1, 0.5)):
        detector.update(value, 0.0)
        crossings += detector.crossed
    assert crossings == 1


def test_100_000_values_without_change_raise_at_most_one_alarm_in_bounded_memory() -> None:
    rng = random.Random(4)
    detector, crossings = Adwin(0.05), 0
    for _ in range(100_000):
        detector.update(rng.betavariate(6, 2), 0.0)
        crossings += detector.crossed
    assert crossings <= 1
    assert len(json.dumps(detector.state())) < 6 * 2 * KEPT


@settings(max_examples=15)
@given(seed=st.integers(0, 10_000), cut=st.integers(0, 6000), jump=st.floats(0, 0.5))
def test_resumed_from_json_it_goes_on_exactly(seed: int, cut: int, jump: float) -> None:
    values = stream(seed, 4500, 1700, (0.3, 0.3 + jump))
    running, resumed = Adwin(0.05), Adwin(0.05)
    for value in values[:cut]:
        running.update(value, 0.0)
    resumed.resume(json.loads(json.dumps(running.state())))
    assert resumed.crossed == running.crossed
    for value in values[cut:]:
        running.update(value, 0.0)
        resumed.update(value, 0.0)
        assert resumed.crossed == running.crossed
    assert resumed.state() == running.state()
    assert resumed.evidence == running.evidence
