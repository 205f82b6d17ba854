import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from agents.quality.discrimination import auc, auc_sequence
from agents.quality.intervals import Estimate
from agents.quality.sequences import critical

tallies = st.lists(
    st.tuples(st.integers(0, 8).map(lambda i: i / 8), st.integers(0, 4), st.integers(0, 4)),
    min_size=1,
)


@given(tallies)
def test_auc_is_mann_whitneys_u(rows: list[tuple[float, int, int]]) -> None:
    right = np.repeat([score for score, _, _ in rows], [r for _, r, _ in rows])
    wrong = np.repeat([score for score, _, _ in rows], [w for _, _, w in rows])
    found = auc(_merged(rows))
    if not right.size or not wrong.size:
        assert found.value is None
        assert found.n == right.size + wrong.size
        return
    expected = stats.mannwhitneyu(right, wrong).statistic / (right.size * wrong.size)
    assert found.value == pytest.approx(expected)


def _merged(rows: list[tuple[float, int, int]]) -> list[tuple[float, int, int]]:
    merged: dict[float, tuple[int, int]] = {}
    for score, right, wrong in rows:
        r, w = merged.get(score, (0, 0))
        merged[score] = (r + right, w + wrong)
    return [(score, r, w) for score, (r, w) in merged.items()]


def test_hanley_and_mcneils_own_example() -> None:
    # Hanley & McNeil (1982), Radiology 143: 51 abnormal and 58 normal images, five ratings:
    # area .893, standard error .032
    ratings = [(1, 3, 33), (2, 2, 6), (3, 2, 6), (4, 11, 11), (5, 33, 2)]
    found = auc(ratings)
    assert found.value == pytest.approx(0.893, abs=5e-4)
    assert found.low is not None
    assert found.value is not None
    assert (found.value - found.low) / 1.959964 == pytest.approx(0.032, abs=1e-3)
    assert found.n == 109


def test_an_area_for_every_look_is_its_formula() -> None:
    ratings = [(1, 3, 33), (2, 2, 6), (3, 2, 6), (4, 11, 11), (5, 33, 2)]
    once, found = auc(ratings), auc_sequence(ratings)
    assert (found.value, found.n, found.kind) == (once.value, once.n, "sequence")
    # Hanley and McNeil's standard error .0324, and one of the 51 abnormal images ranked last
    error = math.hypot(0.0324, 1 / 51)
    assert found.value is not None
    assert found.low == pytest.approx(found.value - critical(51) * error, abs=1e-3)
    assert auc_sequence([(0.5, 0, 4)]).value is None


def test_an_area_is_covered_at_all_looks_where_a_fixed_interval_is_not() -> None:
    rng = np.random.default_rng(2)
    runs, always, fixed = 100, 0, 0
    truth = float(stats.norm.cdf(1.2 / math.sqrt(2)))
    for _ in range(runs):
        right = rng.random(600) < 0.85
        score = rng.normal(1.2 * right, 1)
        rows = [(float(s), int(r), int(not r)) for s, r in zip(score, right, strict=True)]
        seen = [rows[:n] for n in range(20, 601, 20)]
        always += all(covers(auc_sequence(look), truth) for look in seen)
        fixed += all(covers(auc(look), truth) for look in seen)
    assert always / runs >= 0.94
    assert fixed / runs < 0.85


def covers(found: Estimate, truth: float) -> bool:
    return found.low is None or found.high is None or found.low <= truth <= found.high
