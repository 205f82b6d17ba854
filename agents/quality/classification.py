"""Accuracy and its relatives from a table of (known label, given label) counts.

Each takes the interval its proportions are to have: `wilson` for one look, `share_sequence` for a
window that is looked at again and again.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from agents.quality.intervals import LEVEL, Estimate, Share, wilson

Confusion = Mapping[tuple[str, str], int]
"""How often each (known label, given label) was met."""


@dataclass(frozen=True)
class LabelQuality:
    """How many of those given a label were right, and how many of those due it got it."""

    label: str
    precision: Estimate
    recall: Estimate


def accuracy(confusion: Confusion, share: Share = wilson) -> Estimate:
    """The share of given labels that are the known ones.

    >>> accuracy({("a", "a"): 3, ("a", "b"): 1}).value
    0.75
    """
    right = sum(count for (known, given), count in confusion.items() if known == given)
    return share(right, sum(confusion.values()))


def balanced_accuracy(confusion: Confusion, share: Share = wilson) -> Estimate:
    """The mean recall over the known labels, so that a rare label counts as much as a common one.

    The interval combines those of the recalls by MOVER (Zou and Donner 2008).

    >>> balanced_accuracy({("a", "a"): 9, ("a", "b"): 1, ("b", "b"): 1, ("b", "a"): 1}).value
    0.7
    """
    totals = known_counts(confusion)
    if not totals:
        return share(0, 0)
    recalls = [share(confusion.get((known, known), 0), n) for known, n in totals.items()]
    value = sum(r.value or 0.0 for r in recalls) / len(recalls)
    below = math.sqrt(sum(((r.value or 0.0) - (r.low or 0.0)) ** 2 for r in recalls))
    above = math.sqrt(sum(((r.high or 0.0) - (r.value or 0.0)) ** 2 for r in recalls))
    low = max(0.0, value - below / len(recalls))
    high = min(1.0, value + above / len(recalls))
    return Estimate(value, low, high, sum(totals.values()), LEVEL, recalls[0].kind)


def majority_baseline(confusion: Confusion, share: Share = wilson) -> Estimate:
    """The accuracy of always giving the most common known label.

    >>> majority_baseline({("a", "b"): 3, ("b", "b"): 1}).value
    0.75
    """
    totals = known_counts(confusion)
    return share(max(totals.values(), default=0), sum(totals.values()))


def known_counts(confusion: Confusion) -> Counter[str]:
    """How often each known label was met; labels never met are left out."""
    totals: Counter[str] = Counter()
    for (known, _), count in confusion.items():
        totals[known] += count
    return Counter({label: count for label, count in totals.items() if count})


def label_quality(
    counts: Iterable[tuple[str, int, int, int]], share: Share = wilson
) -> tuple[LabelQuality, ...]:
    """Precision and recall per label from (label, both, given only, known only) counts.

    Counted label by label, so it holds for label sets too.

    >>> [q] = label_quality([("a", 3, 1, 0)])
    >>> q.precision.value, q.recall.value
    (0.75, 1.0)
    """
    return tuple(
        LabelQuality(label, share(both, both + given), share(both, both + known))
        for label, both, given, known in counts
    )
