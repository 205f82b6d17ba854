"""Estimates that never travel without their n and interval."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

from scipy import special

LEVEL = 0.95

Kind = Literal["fixed", "sequence"]
"""What an interval promises: cover the truth at one look, or at every look while data come in."""


@dataclass(frozen=True)
class Estimate:
    """A number, its interval and what it rests on; all null when there is nothing to go by.

    Attributes:
        value: the point estimate.
        low: lower end of the interval.
        high: upper end of the interval.
        n: observations behind it.
        level: what share of such intervals covers the truth.
        kind: at one look (`fixed`), or at all looks together (`sequence`).
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    level: float = LEVEL
    kind: Kind = "fixed"


def nothing(n: int = 0, kind: Kind = "fixed") -> Estimate:
    """The estimate of what was not observed: unknown, not zero."""
    return Estimate(None, None, None, n, kind=kind)


def wilson(successes: float, n: float, level: float = LEVEL) -> Estimate:
    """A proportion with Wilson's (1927) score interval; n may be an effective one.

    >>> e = wilson(81, 263)
    >>> round(e.value, 4), round(e.low, 4), round(e.high, 4)
    (0.308, 0.2553, 0.3662)
    >>> wilson(0, 0).value is None
    True

    Raises:
        ValueError: more successes than trials, or negative counts.
    """
    check_counts(successes, n)
    if n == 0:
        return nothing()
    z = NormalDist().inv_cdf((1 + level) / 2)
    p = successes / n
    low, high = score_ends(p, n, z)
    return Estimate(p, low, high, int(n), level)


def check_counts(successes: float, n: float) -> None:
    """See that there are no more successes than trials, and no negative ones.

    Raises:
        ValueError: there are.
    """
    if not 0 <= successes <= n:
        message = f"{successes} successes in {n} trials"
        raise ValueError(message)


Share = Callable[[int, int], Estimate]
"""A proportion from its successes and trials, at one look (`wilson`) or at all looks."""


def score_ends(share: float, n: float, z: float) -> tuple[float, float]:
    """The ends of the score interval: all p with |share - p| <= z sqrt(p (1 - p) / n), n > 0."""
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low = 0.0 if share == 0 else max(0.0, middle - half)
    high = 1.0 if share == 1 else min(1.0, middle + half)
    return low, high


def mean_interval(n: int, mean: float, variance: float, level: float = LEVEL) -> Estimate:
    """A mean of values in [0, 1] with Student's t interval, cut to [0, 1].

    Args:
        n: number of values.
        mean: their mean.
        variance: their sample variance (divisor n - 1).
        level: coverage wanted.

    One value has no interval: its ends are null.

    >>> e = mean_interval(10, 0.5, 0.04)
    >>> round(e.low, 4), round(e.high, 4)
    (0.3569, 0.6431)
    """
    if n <= 0:
        return nothing()
    if n == 1:
        return Estimate(mean, None, None, 1, level)
    half = float(special.stdtrit(n - 1, (1 + level) / 2)) * math.sqrt(max(variance, 0.0) / n)
    return Estimate(mean, max(0.0, mean - half), min(1.0, mean + half), n, level)
