import math
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from agents.quality.intervals import Estimate, mean_interval, nothing, wilson
from agents.quality.sequences import (
    FEWEST_ASYMPTOTIC,
    TIGHTEST,
    critical,
    mean_sequence,
    share_sequence,
)

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


def skewed(rng: np.random.Generator, n: int) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Scores as judges give them: nearly all high, three in a hundred low; their mean is 0.9415."""
    return np.where(rng.random(n) < 0.03, 0.02, 0.97)


@pytest.mark.parametrize(
    ("values", "truth"),
    [
        (skewed, 0.03 * 0.02 + 0.97 * 0.97),
        (lambda rng, n: rng.beta(6.4, 1.6, n), 0.8),
        (lambda rng, n: np.asarray(rng.random(n) < 0.98, dtype=float), 0.98),
    ],
)
def test_a_mean_is_covered_at_all_looks_where_students_t_is_not(values: Any, truth: float) -> None:
    rng = np.random.default_rng(5)
    runs, looks = 200, [*range(5, 400, 15), *range(400, 1500, 100)]
    always, fixed = 0, 0
    for _ in range(runs):
        x = values(rng, 1500)
        seen = [(n, float(x[:n].mean()), float(x[:n].var(ddof=1))) for n in looks]
        always += all(covers(mean_sequence(*look), truth) for look in seen)
        fixed += all(covers(mean_interval(*look), truth) for look in seen)
    assert always / runs >= 0.94
    assert fixed / runs < 0.85


def covers(found: Estimate, truth: float) -> bool:
    assert found.low is not None
    assert found.high is not None
    return found.low <= truth <= found.high


@given(st.integers(1, FEWEST_ASYMPTOTIC - 1), st.data())
def test_few_values_are_treated_as_shares(n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n))
    found = mean_sequence(n, k / n, 0.0)
    assert (found.low, found.high) == pytest.approx(ends(k, n))
    assert found.kind == "sequence"


def test_a_mean_of_many_values_is_its_formula() -> None:
    found = mean_sequence(300, 0.8, 0.0169)
    # the standard error, and two values of 0 beside the 300
    error = math.sqrt(0.0169 / 300 + 2 * (0.8 / 300) ** 2)
    assert found.high == pytest.approx(0.8 + critical(300) * error)
    assert found.low == pytest.approx(0.8 - critical(300) * error)


def test_values_all_alike_are_not_certain() -> None:
    found = mean_sequence(100, 1.0, 0.0)
    assert found.high == 1
    assert found.low == pytest.approx(1 - critical(100) * math.sqrt(2) / 100)
    assert mean_sequence(0, 0.0, 0.0) == nothing(kind="sequence")
