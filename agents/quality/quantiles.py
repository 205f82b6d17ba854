"""Quantiles of a sample with intervals that suppose nothing of its distribution."""

import math
from collections.abc import Sequence

from scipy import special

from agents.quality.intervals import LEVEL, Estimate, nothing


def quantile(ordered: Sequence[float], share: float) -> Estimate:
    """A quantile of values in ascending order; an end is null where no value lies far enough out.

    The number of values below the true quantile is binomial, so it lies between two order
    statistics with at least 95 % (Hahn and Meeker 1991, 5.2); exact, whatever the distribution.

    >>> e = quantile([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 0.5)
    >>> e.value, e.low, e.high
    (5.5, 2, 9)
    >>> quantile([3], 0.5).low is None
    True

    Raises:
        ValueError: a share outside ]0, 1[.
    """
    if not 0 < share < 1:
        message = f"no quantile at {share}"
        raise ValueError(message)
    n = len(ordered)
    if n == 0:
        return nothing()
    tail = (1 - LEVEL) / 2
    # at the largest rank with P(fewer below than it) <= tail, and likewise from above
    lowest = _binomial(tail, n, share)
    highest = _binomial(1 - tail, n, share) + 1
    return Estimate(
        value=_between(ordered, share * (n - 1)),
        low=ordered[lowest - 1] if lowest >= 1 else None,
        high=ordered[highest - 1] if highest <= n else None,
        n=n,
    )


def _binomial(tail: float, n: int, share: float) -> int:
    """The least k with P(X <= k) >= tail, for X of n draws with this share."""
    highest = math.ceil(float(special.bdtrik(tail, n, share)))
    below = max(highest - 1, 0)
    return below if float(special.bdtr(below, n, share)) >= tail else highest


def _between(ordered: Sequence[float], place: float) -> float:
    before = int(place)
    after = min(before + 1, len(ordered) - 1)
    return ordered[before] + (place - before) * (ordered[after] - ordered[before])
