import numpy as np
import pytest
from numpy.typing import NDArray

from agents.quality.greg import FEWEST_LABELS, Sums, greg
from agents.quality.intervals import wilson

Floats = NDArray[np.float64]


def sums_of(z: Floats, f: Floats, pi: Floats, drawn: Floats) -> Sums:
    w = drawn / pi
    a, b, c = w * z, w - 1, (w - 1) * f
    products = [float((x * y).sum()) for x, y in ((a, a), (a, b), (a, c), (b, b), (b, c), (c, c))]
    return Sums(len(z), int(drawn.sum()), float(a.sum()), float(b.sum()), float(c.sum()), *products)


def traffic(rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
    """Labels right with probability f, and a guess that is over-confident and noisy."""
    truth = rng.beta(4, 0.7, n)
    z = (rng.random(n) < truth).astype(float)
    guess = np.clip(truth**0.5 + rng.normal(0, 0.05, n), 0.02, 0.98)
    return z, guess


def test_everything_reviewed_is_the_plain_share() -> None:
    z = np.array([1.0] * 80 + [0.0] * 20)
    found = greg(sums_of(z, np.full(100, 0.5), np.ones(100), np.ones(100)))
    assert found.value == pytest.approx(0.8)
    assert found.n == 100
    plain = wilson(80, 100)
    assert found.low == pytest.approx(plain.low, abs=0.002)
    assert found.high == pytest.approx(plain.high, abs=0.002)


def test_a_useless_guess_is_hajeks_ratio_in_value() -> None:
    rng = np.random.default_rng(3)
    z, _ = traffic(rng, 4000)
    pi = np.where(rng.random(4000) < 0.5, 0.4, 0.1)
    drawn = (rng.random(4000) < pi).astype(float)
    found = greg(sums_of(z, np.full(4000, 0.5), pi, drawn))
    hajek = (drawn / pi * z).sum() / (drawn / pi).sum()
    assert found.value == pytest.approx(hajek, abs=0.01)


def test_intervals_cover_and_are_narrower_than_a_plain_audit() -> None:
    rng = np.random.default_rng(11)
    n, budget, runs = 4000, 0.08, 300
    covered, widths, audits = 0, [], []
    for _ in range(runs):
        z, f = traffic(rng, n)
        unsure = np.sqrt(f * (1 - f))
        pi = np.clip(0.5 * budget * unsure / unsure.mean() + 0.5 * budget, 0.01, 1)
        drawn = (rng.random(n) < pi).astype(float)
        found = greg(sums_of(z, f, pi, drawn))
        assert found.low is not None
        assert found.high is not None
        # the accuracy the traffic is drawn with: E[beta(4, .7)]
        covered += found.low <= 4 / 4.7 <= found.high
        widths.append(found.high - found.low)
        audit = wilson(round(float(z.mean()) * n * budget), round(n * budget))
        audits.append((audit.high or 0) - (audit.low or 0))
    assert 0.92 <= covered / runs <= 0.985
    assert np.mean(widths) < 0.95 * np.mean(audits)


def test_the_naive_mean_of_what_was_routed_is_off_and_greg_is_not() -> None:
    rng = np.random.default_rng(5)
    z, f = traffic(rng, 20_000)
    pi = np.where(f < 0.8, 1.0, 0.02)
    drawn = (rng.random(20_000) < pi).astype(float)
    naive = z[drawn == 1].mean()
    found = greg(sums_of(z, f, pi, drawn))
    assert abs(naive - z.mean()) > 0.1
    assert found.value == pytest.approx(z.mean(), abs=0.03)


def test_too_few_labels_say_nothing() -> None:
    n = FEWEST_LABELS - 1
    found = greg(sums_of(np.ones(n), np.full(n, 0.5), np.ones(n), np.ones(n)))
    assert (found.value, found.n) == (None, n)


def test_all_right_is_not_certainty() -> None:
    found = greg(sums_of(np.ones(50), np.full(50, 0.9), np.ones(50), np.ones(50)))
    assert found.value == 1.0
    assert found.low == pytest.approx(wilson(50, 50).low)
