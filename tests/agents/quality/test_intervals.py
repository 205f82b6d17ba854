import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.quality.intervals import Estimate, mean_interval, nothing, wilson


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    # Newcombe (1998), Statistics in Medicine 17, table I, method 3 (score interval)
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_meets_newcombes_table(successes: int, n: int, low: float, high: float) -> None:
    found = wilson(successes, n)
    assert found.low == pytest.approx(low, abs=5e-5)
    assert found.high == pytest.approx(high, abs=5e-5)
    assert found.n == n


@given(st.integers(1, 10_000), st.data())
def test_wilson_brackets_its_value_and_mirrors(n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n))
    e, mirror = wilson(k, n), wilson(n - k, n)
    assert e.low is not None
    assert e.high is not None
    assert e.value is not None
    assert mirror.high is not None
    assert 0 <= e.low <= e.value <= e.high <= 1
    assert e.low == pytest.approx(1 - mirror.high, abs=1e-12)


def test_nothing_is_not_zero() -> None:
    assert wilson(0, 0) == nothing() == Estimate(None, None, None, 0)
    assert mean_interval(0, math.nan, math.nan) == nothing()


def test_one_value_has_no_interval() -> None:
    assert mean_interval(1, 0.4, math.nan) == Estimate(0.4, None, None, 1)


def test_mean_interval_is_students_t() -> None:
    found = mean_interval(5, 0.5, 0.01)
    assert found.low == pytest.approx(0.5 - 2.776445 * math.sqrt(0.01 / 5), abs=1e-6)


def test_mean_interval_stays_in_range() -> None:
    found = mean_interval(3, 0.98, 0.01)
    assert found.high == 1.0


@pytest.mark.parametrize(("successes", "n"), [(2, 1), (-1, 5)])
def test_impossible_counts_are_refused(successes: int, n: int) -> None:
    with pytest.raises(ValueError, match="successes"):
        wilson(successes, n)
