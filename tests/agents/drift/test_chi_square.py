"""The chi-square windows: each window tested once, against the right distribution."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2_contingency

from agents.drift.chi_square import WINDOW, ChiSquareDetector, p_value
from agents.drift.tally import MixTally

labels = st.lists(st.sampled_from("abc"), max_size=60)


def test_p_value_equals_the_textbook_test() -> None:
    before, now = {"a": 700, "b": 200, "c": 100}, {"a": 60, "b": 25, "c": 15}
    table = [list(before.values()), list(now.values())]
    expected = chi2_contingency(table, correction=False).pvalue
    assert p_value(MixTally(before), MixTally(now)) == pytest.approx(expected)


def test_rare_labels_are_pooled_and_one_label_alone_is_no_test() -> None:
    assert p_value(MixTally({"a": 1000}), MixTally({"a": 100})) == 1.0
    scattered = MixTally({"a": 95, "x": 1, "y": 1, "z": 1, "u": 1, "v": 1})
    assert 0.001 < p_value(MixTally({"a": 950, "b": 50}), scattered) <= 1.0


def test_a_window_of_another_mix_crosses_at_its_end_and_not_before() -> None:
    detector = ChiSquareDetector(MixTally({"a": 1600, "b": 400}), 1e5)
    for number in range(WINDOW):
        assert not detector.crossed
        detector.update("ab"[number % 2], float(number))
    assert detector.crossed
    assert detector.change().since == 0.0
    assert detector.change().after.n == WINDOW


def test_windows_like_the_baseline_stay_silent() -> None:
    rng = random.Random(1)
    detector = ChiSquareDetector(MixTally({"a": 1600, "b": 400}), 1e5)
    for label in rng.choices("ab", (0.8, 0.2), k=100_000):
        detector.update(label, 0.0)
        assert not detector.crossed


def test_a_longer_run_length_asks_for_more_evidence() -> None:
    baseline = MixTally({"a": 1600, "b": 400})
    assert ChiSquareDetector(baseline, 1e9).threshold > ChiSquareDetector(baseline, 1e5).threshold


@given(before=labels, after=labels)
def test_resumed_from_json_it_goes_on_exactly(before: list[str], after: list[str]) -> None:
    baseline = MixTally({"a": 20, "b": 10})
    running, resumed = ChiSquareDetector(baseline, 1e4), ChiSquareDetector(baseline, 1e4)
    for label in before:
        running.update(label, 1.0)
    resumed.resume(json.loads(json.dumps(running.state())))
    for label in after:
        running.update(label, 2.0)
        resumed.update(label, 2.0)
        assert (resumed.evidence, resumed.crossed) == (running.evidence, running.crossed)
    assert resumed.state() == running.state()
