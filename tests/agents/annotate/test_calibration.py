import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.annotate.calibration import Calibrator, fittable, uncalibrated
from agents.annotate.fitting import fit

LABELS = ("ham", "spam")


def drawn(
    n: int, share: float, slope: float, shift: float
) -> tuple[list[dict[str, float]], list[str]]:
    """Scores of which logit P(spam) = slope · difference + shift + logit(share) is the truth."""
    rng = random.Random(7)
    scores, truths = [], []
    spread = 2.0
    for _ in range(n):
        spam = rng.random() < share
        evidence = rng.gauss(spread**2 / 2 if spam else -(spread**2) / 2, spread)
        scores.append({"ham": -1.0, "spam": -1.0 + (evidence - shift) / slope})
        truths.append("spam" if spam else "ham")
    return scores, truths


def log_odds(p: float) -> float:
    return math.log(p / (1 - p))


def test_slope_and_shift_are_recovered_from_many_items() -> None:
    scores, truths = drawn(20_000, share=0.5, slope=0.7, shift=-1.5)
    fitted = fit(LABELS, scores, truths, None)
    assert fitted.slope == pytest.approx(0.7, rel=0.05)
    assert fitted.shifts["spam"] - fitted.shifts["ham"] == pytest.approx(-1.5, abs=0.1)
    assert fitted.items == 20_000


def test_the_mix_of_the_items_is_moved_to_the_prior() -> None:
    balanced = drawn(20_000, share=0.5, slope=1.0, shift=0.0)
    fitted = fit(LABELS, *balanced, {"ham": 0.9, "spam": 0.1})
    rare_scores, rare_truths = drawn(20_000, share=0.1, slope=1.0, shift=0.0)
    mean = np.mean([fitted.probabilities(s)["spam"] for s in rare_scores])
    assert mean == pytest.approx(rare_truths.count("spam") / 20_000, abs=0.01)


def test_the_prior_moves_log_odds_by_its_distance_from_the_mix() -> None:
    scores, truths = drawn(40, share=0.5, slope=1.0, shift=0.0)
    mix = truths.count("spam") / len(truths)
    plain = fit(LABELS, scores, truths, None).probabilities(scores[0])["spam"]
    moved = fit(LABELS, scores, truths, {"ham": 0.86, "spam": 0.14}).probabilities(scores[0])[
        "spam"
    ]
    assert log_odds(moved) - log_odds(plain) == pytest.approx(log_odds(0.14) - log_odds(mix))


def test_separable_items_leave_probabilities_short_of_certain() -> None:
    scores = [{"ham": -1.0, "spam": -3.0}] * 10 + [{"ham": -3.0, "spam": -1.0}] * 10
    fitted = fit(LABELS, scores, ["ham"] * 10 + ["spam"] * 10, None)
    assert 0.9 < fitted.probabilities(scores[0])["ham"] < 0.9999


def test_three_labels_share_one_slope() -> None:
    rng = random.Random(1)
    labels = ("a", "b", "c")
    truths = [labels[n % 3] for n in range(300)]
    scores = [{k: rng.gauss(2.0 * (k == truth) - 3, 1.0) for k in labels} for truth in truths]
    fitted = fit(labels, scores, truths, None)
    hits = [
        max(labels, key=fitted.probabilities(s).__getitem__) == t
        for s, t in zip(scores, truths, strict=True)
    ]
    assert sum(hits) / len(hits) > 0.75
    assert fitted.slope > 0.5


def test_too_few_items_cannot_be_fitted() -> None:
    assert fittable(LABELS, ["ham", "ham", "spam", "spam"])
    assert not fittable(LABELS, ["ham", "ham", "spam"])
    with pytest.raises(ValueError, match="two calibration items"):
        fit(LABELS, [{"ham": 0.0, "spam": 0.0}] * 3, ["ham", "ham", "spam"], None)


def test_without_a_fit_the_words_compete_as_they_are() -> None:
    assert uncalibrated(LABELS).probabilities({"ham": -1.0, "spam": -1.0}) == {
        "ham": 0.5,
        "spam": 0.5,
    }


@given(
    st.floats(-1e3, 1e3),
    st.lists(st.floats(-700, 0), min_size=2, max_size=5),
    st.floats(-50, 50),
)
def test_probabilities_are_probabilities_whatever_the_scores(
    slope: float, scores: list[float], shift: float
) -> None:
    names = [f"l{n}" for n in range(len(scores))]
    calibrator = Calibrator(slope=slope, shifts={name: shift * n for n, name in enumerate(names)})
    p = calibrator.probabilities(dict(zip(names, scores, strict=True)))
    assert sum(p.values()) == pytest.approx(1.0)
    assert all(0.0 <= value <= 1.0 for value in p.values())


def test_the_parameters_make_the_hash_and_survive_storage() -> None:
    one = Calibrator(slope=1.5, shifts={"ham": 0.1, "spam": -0.2}, items=20)
    assert Calibrator.model_validate_json(one.model_dump_json()).hash == one.hash
    assert one.hash != one.model_copy(update={"slope": 1.6}).hash
