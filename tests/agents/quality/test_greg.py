import numpy as np
import pytest
from numpy.typing import NDArray

from agents.quality.greg import FEWEST_LABELS, FEWEST_WATCHED, Sums, greg, greg_sequence
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


def every(parts: list[Floats], size: int) -> list[Sums]:
    """The sums at each look, a look every so many samples."""
    z, f, pi, drawn = parts
    ends = range(size, len(z) + 1, size)
    return [sums_of(z[:end], f[:end], pi[:end], drawn[:end]) for end in ends]


def holds_at_all(looks: list[Sums], truth: float, least: float) -> bool:
    """Whether every interval that is shown covers the truth."""
    shown = [e for e in map(greg_sequence, looks) if e.low is not None and e.high is not None]
    assert shown
    assert all(e.kind == "sequence" for e in shown)
    assert all((e.high or 0) - (e.low or 0) > least for e in shown)
    return all((e.low or 0) <= truth <= (e.high or 0) for e in shown)


@pytest.mark.parametrize("design", ["plain", "unsure", "certain"])
@pytest.mark.parametrize("truth", [0.85, 0.98])
def test_the_sequence_covers_at_all_looks(design: str, truth: float) -> None:
    rng = np.random.default_rng(23)
    n, budget, runs, covered = 8000, 0.05, 150, 0
    for _ in range(runs):
        right = rng.beta(truth / (1 - truth) * 0.7, 0.7, n)
        z = (rng.random(n) < right).astype(float)
        f = np.clip(right**0.5 + rng.normal(0, 0.05, n), 0.02, 0.98)
        unsure = np.sqrt(f * (1 - f))
        pi = {
            "plain": np.full(n, budget),
            "unsure": np.clip(0.5 * budget * unsure / unsure.mean() + 0.5 * budget, 0.01, 1),
            "certain": np.where(rng.random(n) < 0.1, 1.0, budget),
        }[design]
        drawn = (rng.random(n) < pi).astype(float)
        covered += holds_at_all(every([z, f, pi, drawn], 200), truth, least=0.01)
    assert covered / runs >= 0.94


def test_labels_that_were_certain_are_worth_themselves_alone() -> None:
    z, f = traffic(np.random.default_rng(2), 10_000)
    pi = np.where(np.arange(10_000) < 500, 1.0, 0.01)
    drawn = np.where(np.arange(10_000) < 500, 1.0, (np.arange(10_000) % 100 == 0) * 1.0)
    found = sums_of(z, f, pi, drawn)
    assert found.labels == 595
    assert found.worth == pytest.approx(10_000**2 / (500 + 95 * 100**2))
    assert greg_sequence(found).value is not None
    fewer = np.where(np.arange(10_000) % 200 == 0, drawn, np.where(pi == 1, 1.0, 0.0))
    rare = sums_of(z, f, pi, fewer)
    assert (rare.labels, rare.worth < FEWEST_WATCHED) == (547, True)
    assert (greg_sequence(rare).value, greg_sequence(rare).kind) == (None, "sequence")


def test_the_sequence_is_the_wider_interval_around_the_same_value() -> None:
    z, f = traffic(np.random.default_rng(4), 6000)
    pi = np.full(6000, 0.05)
    drawn = (np.random.default_rng(5).random(6000) < pi).astype(float)
    found = sums_of(z, f, pi, drawn)
    fixed, sequence = greg(found), greg_sequence(found)
    assert (sequence.value, sequence.n) == (fixed.value, fixed.n)
    assert None not in {fixed.low, fixed.high, sequence.low, sequence.high}
    ratio = ((sequence.high or 0) - (sequence.low or 0)) / ((fixed.high or 0) - (fixed.low or 0))
    assert 1.4 < ratio < 1.8


def test_the_sequence_waits_for_sixty_labels() -> None:
    for n, known in ((FEWEST_WATCHED - 1, False), (FEWEST_WATCHED, True)):
        found = greg_sequence(sums_of(np.ones(n), np.full(n, 0.5), np.ones(n), np.ones(n)))
        assert (found.value is not None, found.n) == (known, n)
        assert found.low is None or 0.8 < found.low < wilson(n, n).low  # type: ignore[operator]


def test_no_samples_are_worth_nothing() -> None:
    assert Sums(0, 0, *([0.0] * 9)).worth == 0
