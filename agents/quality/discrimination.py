"""How well a score tells right labels from wrong ones."""

import math
from collections.abc import Iterable
from statistics import NormalDist

from agents.quality.intervals import LEVEL, Estimate, nothing
from agents.quality.sequences import critical

Tally = tuple[float, int, int]
"""A score, how many right labels had it, how many wrong ones."""


def auc(tallies: Iterable[Tally], level: float = LEVEL) -> Estimate:
    """P(score of a right label > score of a wrong one), ties counting one half.

    The rank formula (Mann-Whitney U / (right * wrong)) with the interval of Hanley and McNeil
    (1982); `n` counts all labels. Unknown while labels of one sort are missing.

    >>> auc([(0.1, 0, 1), (0.4, 1, 0), (0.35, 0, 1), (0.8, 1, 0)]).value
    1.0
    >>> auc([(0.5, 3, 3)]).value
    0.5
    """
    area, right, wrong = _area(tallies)
    if area is None:
        return nothing(right + wrong)
    half = NormalDist().inv_cdf((1 + level) / 2) * _standard_error(area, right, wrong)
    low, high = max(0.0, area - half), min(1.0, area + half)
    return Estimate(area, low, high, right + wrong, level)


def auc_sequence(tallies: Iterable[Tally], level: float = LEVEL) -> Estimate:
    """The same area with an interval that holds at every look.

    The asymptotic confidence sequence: its critical value takes the place of 1.96, the rarer sort
    of labels is its clock, and one label of that sort more, ranked as badly as can be, is counted
    in the error: early on the mistakes that the score will make are still unseen.
    """
    area, right, wrong = _area(tallies)
    if area is None:
        return nothing(right + wrong, "sequence")
    rarer = min(right, wrong)
    error = math.hypot(_standard_error(area, right, wrong), 1 / rarer)
    half = critical(rarer, level) * error
    low, high = max(0.0, area - half), min(1.0, area + half)
    return Estimate(area, low, high, right + wrong, level, "sequence")


def _area(tallies: Iterable[Tally]) -> tuple[float | None, int, int]:
    """The area, and how many labels were right and wrong; null while one sort is missing."""
    below, wins, right, wrong = 0, 0.0, 0, 0
    for _, rights, wrongs in sorted(tallies):
        wins += rights * (below + wrongs / 2)
        below += wrongs
        right += rights
        wrong += wrongs
    return (wins / (right * wrong) if right and wrong else None), right, wrong


def _standard_error(area: float, right: int, wrong: int) -> float:
    q1 = area / (2 - area)
    q2 = 2 * area * area / (1 + area)
    spread = area * (1 - area) + (right - 1) * (q1 - area**2) + (wrong - 1) * (q2 - area**2)
    return math.sqrt(max(spread, 0.0) / (right * wrong))
