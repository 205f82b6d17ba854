"""The categorical detector: mixes, labels never met, bounded work, exact to resume."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.drift.categorical import CategoricalDetector, pooled
from agents.drift.tally import LABEL_LIMIT, OTHER, MixTally

RUN_LENGTH = 1e5
FIVE = "abcde"
SHARES = (0.4, 0.25, 0.2, 0.1, 0.05)


def drawn(rng: random.Random, n: int, labels: str, shares: tuple[float, ...]) -> MixTally:
    tally = MixTally()
    for label in rng.choices(labels, shares, k=n):
        tally.add(label)
    return tally


def delay(detector: CategoricalDetector, labels: list[str]) -> int:
    for count, label in enumerate(labels, 1):
        detector.update(label, float(count))
        if detector.crossed:
            return count
    raise AssertionError("never crossed")


@pytest.mark.parametrize(("shift", "bound"), [(0.1, 250), (0.2, 90)])
def test_shares_that_move_are_found_about_as_soon_as_the_reference(
    shift: float, bound: int
) -> None:
    moved = (0.4 - shift, 0.25, 0.2, 0.1, 0.05 + shift)
    found = []
    for seed in range(24):
        rng = random.Random(seed)
        detector = CategoricalDetector(drawn(rng, 2000, FIVE, SHARES), RUN_LENGTH)
        for label in rng.choices(FIVE, SHARES, k=300):
            detector.update(label, 0.0)
        found.append(delay(detector, rng.choices(FIVE, moved, k=5000)))
    assert sorted(found)[len(found) // 2] <= bound


def test_300_000_labels_without_change_raise_at_most_six_alarms() -> None:
    alarms = 0
    for seed in range(20):
        rng = random.Random(seed)
        baseline = drawn(rng, 2000, FIVE, SHARES)
        detector = CategoricalDetector(baseline, RUN_LENGTH)
        for label in rng.choices(FIVE, SHARES, k=15_000):
            detector.update(label, 0.0)
            if detector.crossed:
                alarms += 1
                detector = CategoricalDetector(baseline, RUN_LENGTH)
    assert alarms <= 6


def test_on_a_baseline_of_150_spam_from_15_to_50_percent_shows_within_60_messages() -> None:
    found = []
    for seed in range(60):
        rng = random.Random(seed)
        detector = CategoricalDetector(drawn(rng, 150, "ps", (0.85, 0.15)), 30_000)
        for label in rng.choices("ps", (0.85, 0.15), k=30):
            detector.update(label, 0.0)
        found.append(delay(detector, rng.choices("ps", (0.5, 0.5), k=1000)))
    assert sum(found) / len(found) <= 60


def test_a_label_never_met_before_is_found_and_named() -> None:
    detector = CategoricalDetector(MixTally({"personal": 1700, "scam": 300}), RUN_LENGTH)
    labels = ["personal", "refund"] * 50
    assert delay(detector, labels) <= 20
    assert detector.change().direction == "mix"
    assert detector.change().after.mix["refund"] == pytest.approx(0.5, abs=0.1)


def test_change_starts_near_the_true_change() -> None:
    rng = random.Random(1)
    detector = CategoricalDetector(MixTally({"p": 1700, "s": 300}), RUN_LENGTH)
    labels = rng.choices("ps", (0.85, 0.15), k=600) + rng.choices("ps", (0.4, 0.6), k=400)
    count = delay(detector, labels)
    assert count > 600
    assert abs(detector.change().since - 600) <= 25
    assert detector.change().after.n == count - int(detector.change().since) + 1


def test_ten_thousand_distinct_labels_keep_the_state_bounded() -> None:
    detector = CategoricalDetector(MixTally({"a": 500, "b": 500}), 1e200)
    for number in range(10_000):
        detector.update(f"label-{number}", 0.0)
    state = detector.state()
    assert all(len(expert["after"]) <= LABEL_LIMIT + 1 for expert in state["experts"])
    assert all(set(expert["weights"]) == {"a", "b", OTHER} for expert in state["experts"])
    json.dumps(state, allow_nan=False)


def test_more_labels_than_the_bound_are_pooled_with_the_rare_ones() -> None:
    baseline = MixTally({f"label-{number:02}": 10 for number in range(LABEL_LIMIT)})
    baseline.add("never before")
    counts = pooled(baseline)
    assert len(counts) == LABEL_LIMIT
    assert counts[OTHER] == 11
    assert sum(counts.values()) == baseline.n


@given(
    before=st.lists(st.sampled_from("abcz"), max_size=80),
    after=st.lists(st.sampled_from("abcz"), min_size=1, max_size=80),
)
def test_resumed_from_json_it_goes_on_exactly(before: list[str], after: list[str]) -> None:
    baseline = MixTally({"a": 60, "b": 30, "c": 10})
    running, resumed = CategoricalDetector(baseline, 1e4), CategoricalDetector(baseline, 1e4)
    for number, label in enumerate(before):
        running.update(label, float(number))
    resumed.resume(json.loads(json.dumps(running.state())))
    for number, label in enumerate(after):
        running.update(label, float(number))
        resumed.update(label, float(number))
        assert resumed.evidence == running.evidence
    assert resumed.change() == running.change()
    assert resumed.state() == running.state()


def test_forgetting_survives_a_long_stream_without_losing_the_mix() -> None:
    rng = random.Random(2)
    detector = CategoricalDetector(MixTally({"p": 850, "s": 150}), 1e200)
    for label in rng.choices("ps", (0.85, 0.15), k=20_000):
        detector.update(label, 0.0)
    for expert in detector.state()["experts"]:
        mix = {name: weight * expert["scale"] for name, weight in expert["weights"].items()}
        assert sum(mix.values()) == pytest.approx(1.0, abs=1e-6)


def test_on_baselines_of_150_false_alarms_stay_below_one_in_ten_thousand() -> None:
    alarms = 0
    for seed in range(100):
        rng = random.Random(seed)
        baseline = drawn(rng, 150, "ps", (0.85, 0.15))
        detector = CategoricalDetector(baseline, 30_000)
        for label in rng.choices("ps", (0.85, 0.15), k=2000):
            detector.update(label, 0.0)
            if detector.crossed:
                alarms += 1
                detector = CategoricalDetector(baseline, 30_000)
    assert alarms <= 20
