"""Calibrators against worlds whose truth is known, and refusals below what they need."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from agents.policy.fit import (
    NEEDED,
    Calibration,
    Reviewed,
    TooFewDecisions,
    calibration,
    mean_uncertainty,
    platt,
)
from agents.route.propensity import calibrated
from models.policy import Platt

TRUTH = Platt(slope=0.5, shift=-0.6)
"""A judge that is over-confident and too kind."""


def world(n: int, seed: int, truth: Platt = TRUTH) -> list[Reviewed]:
    """Reviewed samples of a judge that `truth` calibrates; unsure ones are reviewed more often."""
    rng = np.random.default_rng(seed)
    found: list[Reviewed] = []
    while len(found) < n:
        raw = float(expit(rng.normal(3.0, 2.5)))
        propensity = min(1.0, 0.05 + 0.5 * (raw * (1 - raw)) ** 0.5)
        if rng.random() < propensity:
            right = bool(rng.random() < calibrated(raw, truth))
            found.append(Reviewed(raw, right, propensity))
    return found


def test_the_calibrator_that_made_the_decisions_is_found() -> None:
    found = platt(world(4000, seed=1))
    assert found.slope == pytest.approx(TRUTH.slope, abs=0.08)
    assert found.shift == pytest.approx(TRUTH.shift, abs=0.2)


def test_weights_undo_that_reviews_are_no_picture_of_the_traffic() -> None:
    """Of equal scores, the right ones are reviewed ten times as often as the wrong ones."""
    items = [Reviewed(0.5, True, 0.5)] * 500 + [Reviewed(0.5, False, 0.05)] * 50
    assert calibrated(0.5, platt(items)) == pytest.approx(0.5, abs=0.02)
    unweighted = [Reviewed(0.5, item.right, 1.0) for item in items]
    assert calibrated(0.5, platt(unweighted)) > 0.85


def test_few_samples_stay_near_the_identity_and_no_score_is_turned_round() -> None:
    few = platt([Reviewed(0.8, True, 1.0)] * 3)
    assert few.slope == pytest.approx(1.0, abs=0.5)
    assert few.shift == pytest.approx(0.0, abs=0.3)
    upside_down = world(400, seed=3, truth=Platt(slope=-1.0))
    assert platt(upside_down).slope == 0.0


@pytest.mark.parametrize(
    ("right", "wrong"), [(0, 0), (NEEDED - 11, 10), (NEEDED, 9), (9, NEEDED), (NEEDED + 50, 0)]
)
def test_below_what_it_needs_it_refuses_and_says_what_is_missing(right: int, wrong: int) -> None:
    items = [Reviewed(0.8, True, 0.5)] * right + [Reviewed(0.3, False, 0.5)] * wrong
    with pytest.raises(TooFewDecisions, match=rf"^{right + wrong} .* needs {NEEDED}, with 10 of"):
        calibration(items, Platt())


def test_a_fit_is_compared_on_samples_it_did_not_see() -> None:
    found = calibration(world(NEEDED * 3, seed=4), Platt())
    assert found.better
    assert found.loss_after < found.loss_before - 0.02
    assert found.n == NEEDED * 3
    assert NEEDED < found.worth < found.n, "unequal weights are worth fewer"


def loss(of: Platt, truth: Platt) -> float:
    """The mean log loss on fresh traffic, not only on what is reviewed."""
    scores = expit(np.random.default_rng(0).normal(3.0, 2.5, 2000))
    right = np.array([calibrated(raw, truth) for raw in scores])
    said = np.array([calibrated(raw, of) for raw in scores])
    return float(-(right * np.log(said) + (1 - right) * np.log(1 - said)).mean())


def test_as_many_samples_as_it_needs_better_an_over_confident_judge() -> None:
    truth = Platt(slope=0.5)
    fits = [platt(world(NEEDED, seed, truth)) for seed in range(20)]
    assert sum(loss(fit, truth) < loss(Platt(), truth) for fit in fits) >= 19


def test_where_there_is_nothing_to_gain_it_says_so() -> None:
    better = [calibration(world(300, seed, Platt()), Platt()).better for seed in range(20)]
    assert sum(better) <= 6
    noise = Calibration(Platt(), 1, 1, 1.0, loss_before=0.3, loss_after=0.3)
    assert not noise.better


def test_the_mean_uncertainty_is_that_of_calibrated_traffic() -> None:
    traffic = {0.9: 300, 0.5: 100, None: 100}
    expected = (300 * 0.3 + 100 * 0.5 + 100 * 0.5) / 500
    assert mean_uncertainty(traffic, Platt()) == pytest.approx(expected)
    assert mean_uncertainty({}, Platt()) == 0.5
    assert mean_uncertainty({1.0: 10}, Platt()) == 0.01, "never so small that all is reviewed"


@settings(max_examples=40)
@given(
    st.lists(
        st.builds(
            Reviewed,
            st.floats(0, 1),
            st.booleans(),
            st.floats(0.001, 1),
        ),
        min_size=1,
        max_size=40,
    )
)
def test_any_decisions_make_a_calibrator_that_gives_probabilities(items: list[Reviewed]) -> None:
    found = platt(items)
    chances = [calibrated(raw, found) for raw in (0.0, 0.2, 0.5, 0.8, 1.0)]
    assert all(0 <= chance <= 1 for chance in chances)
    assert chances == sorted(chances)
