"""The e-detector: silent while nothing moves, soon right when something does, exact to resume."""

import json
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.drift.detector import STATISTIC_LIMIT
from agents.drift.e_detector import EDetector
from agents.drift.tally import MeanTally

RUN_LENGTH = 1e5
scores = st.floats(0, 1)


def exact(mean: float, sd: float) -> MeanTally:
    """A baseline so long that its mean is known."""
    n = 10_000_000
    return MeanTally(n, mean, (n - 1) * sd * sd)


def coin(rng: random.Random, share: float) -> float:
    return float(rng.random() < share)


def beta(rng: random.Random, center: float) -> float:
    weight = center * (1 - center) / 0.13**2 - 1
    return rng.betavariate(center * weight, (1 - center) * weight)


def mean_delay(shifted: float, streams: int) -> float:
    found = 0
    for seed in range(streams):
        rng = random.Random(seed)
        detector = EDetector(exact(0.15, math.sqrt(0.15 * 0.85)), 0.01, RUN_LENGTH)
        for _ in range(500):
            detector.update(coin(rng, 0.15), 0.0)
        while not detector.crossed:
            detector.update(coin(rng, shifted), 0.0)
            found += 1
    return found / streams


@pytest.mark.parametrize(("shifted", "reference"), [(0.25, 302), (0.35, 79)])
def test_delay_matches_the_reference_simulation(shifted: float, reference: float) -> None:
    # another 40 streams than the reference's: its own standard error is about a tenth
    assert mean_delay(shifted, 40) == pytest.approx(reference, rel=0.25)


def test_300_000_scores_without_change_raise_at_most_three_alarms() -> None:
    alarms = 0
    for seed in range(20):
        rng = random.Random(seed)
        baseline = MeanTally()
        for _ in range(2000):
            baseline.add(beta(rng, 0.8))
        detector = EDetector(baseline, 0.01, RUN_LENGTH)
        for _ in range(15_000):
            detector.update(beta(rng, 0.8), 0.0)
            if detector.crossed:
                alarms += 1
                detector = EDetector(baseline, 0.01, RUN_LENGTH)
    assert alarms <= 3


@pytest.mark.parametrize(("center", "side"), [(0.6, "down"), (0.95, "up")])
def test_change_names_the_side_the_start_and_the_new_level(center: float, side: str) -> None:
    rng = random.Random(5)
    detector = EDetector(exact(0.8, 0.13), 0.01, RUN_LENGTH)
    for second in range(1000):
        detector.update(beta(rng, 0.8), float(second))
    second = 1000
    while not detector.crossed:
        detector.update(beta(rng, center), float(second))
        second += 1
    change = detector.change()
    assert change.direction == side
    assert abs(change.since - 1000) <= 15
    assert change.after.n == second - int(change.since)
    assert change.after.low is not None
    assert change.after.high is not None
    assert change.after.low < center < change.after.high


def test_a_shift_within_the_margin_never_grows_to_an_alarm() -> None:
    rng = random.Random(6)
    detector = EDetector(exact(0.8, 0.13), 0.05, RUN_LENGTH)
    for _ in range(20_000):
        detector.update(beta(rng, 0.77), 0.0)
        assert not detector.crossed


def test_margin_covers_the_error_of_a_short_baseline_and_one_that_never_varied() -> None:
    assert EDetector(MeanTally(100, 0.5, 99 * 0.04), 0.01, 1e4).margin == pytest.approx(0.04)
    assert EDetector(MeanTally(150, 1.0, 0.0), 0.01, 1e4).margin == pytest.approx(0.02)
    assert EDetector(exact(0.5, 0.2), 0.01, 1e4).margin == 0.01


@given(mean=scores, spread=st.floats(0, 1), n=st.integers(2, 10**6), margin=st.floats(0, 0.5))
def test_every_bet_leaves_every_factor_positive(
    mean: float, spread: float, n: int, margin: float
) -> None:
    squares = spread * n * mean * (1 - mean)
    detector = EDetector(MeanTally(n, mean, squares), margin, RUN_LENGTH)
    half = len(detector.bets) // 2
    high, low = mean + detector.margin, mean - detector.margin
    assert all(bet > 0 for bet in detector.bets)
    assert all(1 + bet * (0 - high) > 0 for bet in detector.bets[:half])
    assert all(1 + bet * (low - 1) > 0 for bet in detector.bets[half:])


def test_evidence_that_nobody_stops_stays_a_finite_number() -> None:
    detector = EDetector(exact(0.1, 0.01), 0.01, RUN_LENGTH)
    for _ in range(5000):
        detector.update(1.0, 0.0)
    assert detector.evidence <= math.log(STATISTIC_LIMIT)
    assert json.loads(json.dumps(detector.state(), allow_nan=False)) == detector.state()


@given(before=st.lists(scores, max_size=80), after=st.lists(scores, min_size=1, max_size=80))
def test_resumed_from_json_it_goes_on_exactly(before: list[float], after: list[float]) -> None:
    baseline = MeanTally(500, 0.6, 500 * 0.02)
    running, resumed = EDetector(baseline, 0.01, 1e4), EDetector(baseline, 0.01, 1e4)
    for number, value in enumerate(before):
        running.update(value, float(number))
    resumed.resume(json.loads(json.dumps(running.state())))
    assert resumed.evidence == running.evidence
    for number, value in enumerate(after):
        running.update(value, float(number))
        resumed.update(value, float(number))
        assert resumed.evidence == running.evidence
        assert resumed.crossed == running.crossed
    assert resumed.change() == running.change()
    assert resumed.state() == running.state()
