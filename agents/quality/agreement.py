"""How far people agree beyond chance: Cohen's kappa of two, Krippendorff's alpha of any number."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from agents.quality.intervals import LEVEL, Estimate, nothing, wilson
from agents.quality.weights import worth

RESAMPLES = 200

Pairs = Mapping[tuple[str, str], int]
"""How often each (one's answer, the other's answer) was met."""


@dataclass(frozen=True)
class Kappa:
    """Two people's agreement.

    Attributes:
        agreement: how often they said the same, with Wilson's interval.
        kappa: that, beyond what their answers would agree by chance; unknown when both always said
            one and the same, as there is no chance to differ.
        error: its large-sample standard error (Fleiss, Cohen and Everitt 1969).
    """

    agreement: Estimate
    kappa: Estimate
    error: float | None


@dataclass(frozen=True)
class Unit:
    """One item and what was said of it.

    Attributes:
        answers: how many people gave each answer.
        weight: how many items it stands for, the inverse of its probability of being asked.
    """

    answers: Mapping[str, int]
    weight: float = 1.0


def cohen_kappa(pairs: Pairs) -> Kappa:
    """Cohen's kappa for unordered categories.

    The interval is kappa plus or minus 1.96 errors, or that of the plain agreement set against the
    same chance where this is wider: with few items or hardly a difference the error comes out far
    too small, and 0 when there was none.

    >>> table = {("a", "a"): 20, ("a", "b"): 5, ("b", "a"): 10, ("b", "b"): 15}
    >>> found = cohen_kappa(table)
    >>> round(found.kappa.value, 6), round(found.error, 6)
    (0.4, 0.126996)
    """
    n = sum(pairs.values())
    same = sum(count for (one, other), count in pairs.items() if one == other)
    agreement = wilson(same, n)
    if n == 0:
        return Kappa(agreement, nothing(), None)
    shares = {pair: count / n for pair, count in pairs.items()}
    rows, columns = _margins(shares)
    chance = sum(share * columns.get(name, 0.0) for name, share in rows.items())
    if chance >= 1:
        return Kappa(agreement, nothing(n), None)
    kappa = (same / n - chance) / (1 - chance)
    error = math.sqrt(_variance(shares, kappa, chance) / n)
    half = NormalDist().inv_cdf((1 + LEVEL) / 2) * error
    plain = [((end or 0.0) - chance) / (1 - chance) for end in (agreement.low, agreement.high)]
    low, high = max(-1.0, min(kappa - half, plain[0])), min(1.0, max(kappa + half, plain[1]))
    return Kappa(agreement, Estimate(kappa, low, high, n), error)


def _margins(shares: Mapping[tuple[str, str], float]) -> tuple[dict[str, float], dict[str, float]]:
    rows: dict[str, float] = {}
    columns: dict[str, float] = {}
    for (one, other), share in shares.items():
        rows[one] = rows.get(one, 0.0) + share
        columns[other] = columns.get(other, 0.0) + share
    return rows, columns


def _variance(shares: Mapping[tuple[str, str], float], kappa: float, chance: float) -> float:
    """The variance of kappa, times n: equation 13 of Fleiss, Cohen and Everitt (1969)."""
    rows, columns = _margins(shares)
    total = -((kappa - chance * (1 - kappa)) ** 2)
    for (one, other), share in shares.items():
        if one == other:
            total += share * (1 - (rows[one] + columns[one]) * (1 - kappa)) ** 2
        else:
            crossed = columns.get(one, 0.0) + rows.get(other, 0.0)
            total += share * (1 - kappa) ** 2 * crossed**2
    return max(total, 0.0) / (1 - chance) ** 2


def krippendorff_alpha(units: Sequence[Unit], rng: np.random.Generator) -> Estimate:
    """Krippendorff's alpha for unordered categories, any number of people, any answers missing.

    1 - (n - 1) sum W_u sum_c n_uc (m_u - n_uc) / (m_u - 1) / (n^2 - sum n_c^2) over units with
    m_u >= 2 answers, weights W_u scaled to a mean answer of weight 1. `n` counts those units.
    Unknown when all answers are one and the same: nobody could differ.

    The interval is that of units drawn anew (Poisson bootstrap, percentiles), or that of the plain
    agreement set against the same chance where this is wider: drawing anew cannot show a
    difference that was not met.

    Args:
        units: the items; those with fewer than two answers say nothing.
        rng: for the resamples; equal generators, equal intervals.

    >>> units = [Unit({"a": 2}), Unit({"a": 1, "b": 1}), Unit({"b": 2}), Unit({"b": 1})]
    >>> round(krippendorff_alpha(units, np.random.default_rng(1)).value, 4)
    0.4444
    """
    counts, weights = _matrix(units)
    n = len(weights)
    if n == 0:
        return nothing()
    differing, expected = (part[0] for part in _disagreement(counts, weights, np.ones((1, n))))
    if expected <= 0:
        return nothing(n)
    value = float(1 - differing / expected)
    drawn = rng.poisson(1.0, (RESAMPLES, n)).astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        parts = _disagreement(counts, weights, drawn)
        alphas = np.where(parts[1] > 0, 1 - parts[0] / parts[1], np.nan)
    effective = worth(weights)
    plain = wilson((1 - min(differing, 1.0)) * effective, effective)
    ends = [1 - (1 - (end or 0.0)) / expected for end in (plain.low, plain.high)]
    known = alphas[~np.isnan(alphas)]
    if len(known):
        ends += [float(end) for end in np.percentile(known, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])]
    return Estimate(value, max(-1.0, min(*ends, value)), min(1.0, max(*ends, value)), n)


def _matrix(units: Iterable[Unit]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Counts by unit and category, and the weights, of the units with two answers or more."""
    paired = [unit for unit in units if sum(unit.answers.values()) > 1]
    names = {name: i for i, name in enumerate(sorted({c for u in paired for c in u.answers}))}
    counts = np.zeros((len(paired), len(names)))
    for row, unit in enumerate(paired):
        for name, count in unit.answers.items():
            counts[row, names[name]] = count
    return counts, np.array([unit.weight for unit in paired])


def _disagreement(
    counts: NDArray[np.float64], weights: NDArray[np.float64], times: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Disagreement met and expected by chance, in each resample; told by each unit's times."""
    answers = counts.sum(axis=1)
    scale = answers.sum() / (weights @ answers)
    differing = (answers**2 - (counts**2).sum(axis=1)) / (answers - 1)
    taken = times * weights * scale
    totals = taken @ counts
    n = totals.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (taken @ differing) / n, (n**2 - (totals**2).sum(axis=1)) / (n * (n - 1))
