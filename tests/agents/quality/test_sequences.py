import math
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from agents.quality.intervals import nothing, wilson
from agents.quality.sequences import TIGHTEST, critical, share_sequence

ALPHA = 0.05


@cache
def ends(successes: int, n: int) -> tuple[float, float]:
    found = share_sequence(successes, n)
    assert found.low is not None
    assert found.high is not None
    return found.low, found.high


@pytest.mark.parametrize("n", [1, 7, 60, 5000])
def test_all_right_has_a_closed_form(n: int) -> None:
    # B(1 + n, 1) = 1 / (n + 1), so the lower end solves p^n = alpha / (n + 1)
    low, high = ends(n, n)
    assert low == pytest.approx((ALPHA / (n + 1)) ** (1 / n))
    assert high == 1


def test_half_right_has_a_closed_form() -> None:
    # B(2, 2) = 1/6 and B(3, 3) = 1/30: p (1 - p) = alpha / 6 and (p (1 - p))^2 = alpha / 30
    for n, product in ((2, ALPHA / 6), (4, math.sqrt(ALPHA / 30))):
        assert ends(n // 2, n)[0] == pytest.approx((1 - math.sqrt(1 - 4 * product)) / 2)


@given(st.integers(1, 3000), st.data())
def test_the_ends_are_where_the_mixture_wins_alpha_to_one(n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n))
    low, high = ends(k, n)
    assert 0 <= low <= k / n <= high <= 1
    mixture = -math.log(n + 1)  # of the binomial over a uniform prior
    for end in (low, high):
        if 0 < end < 1:
            wealth = mixture - stats.binom.logpmf(k, n, end)
            assert wealth == pytest.approx(-math.log(ALPHA), abs=1e-6)


@given(st.integers(1, 3000), st.data())
def test_it_mirrors(n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n))
    (low, high), (mirrored_low, mirrored_high) = ends(k, n), ends(n - k, n)
    assert low == pytest.approx(1 - mirrored_high, abs=1e-9)
    assert high == pytest.approx(1 - mirrored_low, abs=1e-9)


def test_nothing_seen_is_nothing_and_too_much_is_refused() -> None:
    assert share_sequence(0, 0) == nothing(kind="sequence")
    with pytest.raises(ValueError, match="3 successes in 2 trials"):
        share_sequence(3, 2)


@pytest.mark.parametrize("truth", [0.5, 0.85, 0.97])
def test_it_covers_at_all_looks_where_a_fixed_interval_does_not(truth: float) -> None:
    rng = np.random.default_rng(17)
    runs, looks = 250, range(10, 601, 10)
    always, fixed = 0, 0
    for _ in range(runs):
        right = np.cumsum(rng.random(600) < truth)
        sequence = [ends(int(right[n - 1]), n) for n in looks]
        always += all(low <= truth <= high for low, high in sequence)
        plain = [wilson(int(right[n - 1]), n) for n in looks]
        fixed += all((e.low or 0) <= truth <= (e.high or 0) for e in plain)
    assert always / runs >= 0.94
    assert fixed / runs < 0.8


def test_the_critical_value_is_its_formula() -> None:
    # x = -W_{-1}(-alpha^2 / e) - 1 solves (1 + x) exp(-x) = alpha^2
    s = next(
        x / 1e6 for x in range(8_000_000, 9_000_000) if (1 + x / 1e6) < 0.0025 * math.exp(x / 1e6)
    )
    expected = math.sqrt(2 * (s + 1) / s * math.log(math.sqrt(s + 1) / ALPHA))
    assert critical(TIGHTEST) == pytest.approx(expected, abs=1e-5)
    assert critical(TIGHTEST) / 1.96 == pytest.approx(1.55, abs=0.01)


def test_the_width_is_least_where_it_is_wanted() -> None:
    widths = {n: critical(n) / math.sqrt(n) for n in (100, 200, 300, 400)}
    assert widths[300] < widths[200] < widths[100]
    far = [critical(n) for n in (1000, 10_000, 100_000)]
    assert critical(TIGHTEST) < far[0] < far[1] < far[2] < 4.2
