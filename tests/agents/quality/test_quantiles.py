import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from agents.quality.quantiles import quantile


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=200), st.sampled_from([0.1, 0.5, 0.9]))
def test_the_value_is_the_usual_one_and_lies_inside(values: list[float], share: float) -> None:
    ordered = sorted(values)
    e = quantile(ordered, share)
    assert e.value is not None
    assert e.value == pytest.approx(float(np.quantile(ordered, share)))
    assert e.n == len(values)
    assert e.low is None or e.low <= e.value * (1 + 1e-12)
    assert e.high is None or e.high >= e.value * (1 - 1e-12)


@given(st.integers(1, 3000), st.sampled_from([0.01, 0.1, 0.5, 0.9, 0.99]))
def test_the_ends_are_order_statistics_by_the_binomial_quantiles(n: int, share: float) -> None:
    e = quantile(list(range(1, n + 1)), share)
    lowest, highest = stats.binom.ppf([0.025, 0.975], n, share)
    assert (e.low or 0) == lowest
    assert (e.high or n + 1) == highest + 1


@pytest.mark.parametrize("share", [0.5, 0.9])
@pytest.mark.parametrize("n", [8, 40, 200])
def test_the_interval_covers_the_true_quantile(n: int, share: float) -> None:
    rng = np.random.default_rng(6)
    truth = float(-np.log(1 - share))
    covered = 0
    for _ in range(500):
        e = quantile(sorted(rng.exponential(size=n).tolist()), share)
        low = -np.inf if e.low is None else e.low
        covered += low <= truth <= (np.inf if e.high is None else e.high)
    assert covered / 500 >= 0.935


def test_few_values_leave_ends_open() -> None:
    assert quantile([], 0.5).value is None
    e = quantile([1.0, 2.0, 3.0, 4.0, 5.0], 0.9)
    assert e.high is None


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0])
def test_there_is_no_quantile_beyond(share: float) -> None:
    with pytest.raises(ValueError, match="quantile"):
        quantile([1.0], share)
