"""Confidence sequences: intervals that hold at every look, for windows that still fill.

A fixed 95 % interval covers the truth at one look; looked at again and again while labels come in
it misses at some look far more often. These hold at all looks together and are wider for it.
Both count from the window's beginning: a window that begins elsewhere is another sequence.
"""

import math
from collections.abc import Callable

from scipy import special

from agents.quality.intervals import LEVEL, Estimate, check_counts, nothing

TIGHTEST = 300
"""The number of labels at which the asymptotic sequence is made to be tightest."""

FEWEST_ASYMPTOTIC = 60
"""Values below which a mean's normal limit is not reached, and its exact sequence is used."""

UNSEEN_VALUES = 2

_HALVINGS = 60


def share_sequence(successes: int, n: int, level: float = LEVEL) -> Estimate:
    """A proportion of plain Bernoulli labels, with the beta-binomial confidence sequence.

    Keeps every p that the mixture over a uniform prior does not beat 1 / alpha times,
    B(1 + k, 1 + n - k) < p^k (1 - p)^(n - k) / alpha, so by Ville's inequality it holds at every
    n (Robbins 1970). Exact: it needs no minimal n.

    >>> e = share_sequence(81, 263)
    >>> round(e.low, 4), round(e.high, 4), e.kind
    (0.2187, 0.4081, 'sequence')

    Raises:
        ValueError: more successes than trials, or negative counts.
    """
    check_counts(successes, n)
    if n == 0:
        return nothing(kind="sequence")
    low, high = _mixture_ends(successes, n, level)
    return Estimate(successes / n, low, high, n, level, "sequence")


def mean_sequence(n: int, mean: float, variance: float, level: float = LEVEL) -> Estimate:
    """A mean of values in [0, 1] with an interval that holds at every look.

    Below 60 values the beta-binomial sequence again: by the inequality of weighted means
    (q/p)^x ((1-q)/(1-p))^(1-x) <= x q/p + (1-x) (1-q)/(1-p), so it is exact for values between
    0 and 1 too, and wide, as if each were one of the two. From 60 on the asymptotic sequence,
    with two values at the far end counted beside those seen: rare low values that are still
    unseen would otherwise make it too narrow early on.

    Args:
        n: number of values.
        mean: their mean.
        variance: their sample variance (divisor n - 1).
        level: coverage wanted.

    >>> e = mean_sequence(300, 0.8, 0.0169)
    >>> round(e.low, 4), round(e.high, 4), e.kind
    (0.7745, 0.8255, 'sequence')
    """
    if n <= 0:
        return nothing(kind="sequence")
    if n < FEWEST_ASYMPTOTIC:
        low, high = _mixture_ends(min(max(n * mean, 0.0), float(n)), n, level)
        return Estimate(mean, low, high, n, level, "sequence")
    unseen = UNSEEN_VALUES * (max(mean, 1 - mean) / n) ** 2
    half = critical(n, level) * math.sqrt(max(variance, 0.0) / n + unseen)
    low, high = max(0.0, mean - half), min(1.0, mean + half)
    return Estimate(mean, low, high, n, level, "sequence")


def _mixture_ends(total: float, n: int, level: float) -> tuple[float, float]:
    """The ends of the beta-binomial sequence of n values in [0, 1] that add up to the total."""
    least = special.betaln(1 + total, 1 + n - total) + math.log(1 - level)

    def kept(p: float) -> bool:
        likelihood = special.xlogy(total, p) + special.xlog1py(n - total, -p)
        return bool(likelihood > least)

    share = total / n
    return _end(kept, share, 0.0), _end(kept, share, 1.0)


def _end(kept: Callable[[float], bool], inside: float, outside: float) -> float:
    """Where between a kept and an outer value keeping ends, by bisection, rounded outwards."""
    if kept(outside):
        return outside
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        if kept(middle):
            inside = middle
        else:
            outside = middle
    return outside


def critical(labels: float, level: float = LEVEL) -> float:
    """By how many standard errors a mean may stray at any look; 1.96 in a fixed interval.

    sqrt(2 (s + 1) / s log(sqrt(s + 1) / alpha)), s = x labels / tightest, with
    x = -W_{-1}(-alpha^2 / e) - 1: the asymptotic confidence sequence of Waudby-Smith, Arbour,
    Sinha, Kennedy and Ramdas (2024), Annals of Statistics 52.

    >>> round(critical(60), 2), round(critical(300), 2), round(critical(3000), 2)
    (3.35, 3.04, 3.25)
    """
    alpha = 1 - level
    best = -float(special.lambertw(-(alpha**2) / math.e, -1).real) - 1
    s = best * labels / TIGHTEST
    return math.sqrt(2 * (s + 1) / s * math.log(math.sqrt(s + 1) / alpha))
