"""Running summaries agree with the formulas over all values at once."""

import json
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t

from agents.drift.tally import LABEL_LIMIT, OTHER, MeanTally, MixTally


@given(values=st.lists(st.floats(0, 1), min_size=2, max_size=50))
def test_mean_and_spread_equal_those_of_all_values(values: list[float]) -> None:
    tally = MeanTally()
    for value in values:
        tally.add(value)
    assert tally.mean == pytest.approx(statistics.fmean(values), abs=1e-9)
    assert tally.sd == pytest.approx(statistics.stdev(values), abs=1e-6)
    again = MeanTally.from_state(json.loads(json.dumps(tally.state())))
    assert again.state() == tally.state()


def test_interval_is_students_t_cut_to_the_unit_range() -> None:
    tally = MeanTally(10, 0.5, 9 * 0.04)
    half = float(t.ppf(0.975, 9)) * 0.2 / 10**0.5
    summary = tally.summary()
    assert summary.low == pytest.approx(0.5 - half)
    assert summary.high == pytest.approx(0.5 + half)
    assert MeanTally(3, 0.95, 0.5).summary().high == 1.0


def test_no_interval_is_invented_below_two_values() -> None:
    assert MeanTally().summary().mean is None
    assert MeanTally(1, 0.4).summary().low is None


def test_labels_beyond_the_bound_count_as_other() -> None:
    tally = MixTally()
    for number in range(LABEL_LIMIT + 30):
        tally.add(f"label-{number}")
    assert tally.counts[OTHER] == 30
    assert tally.n == LABEL_LIMIT + 30
    assert sum(tally.summary().mix.values()) == pytest.approx(1.0)
