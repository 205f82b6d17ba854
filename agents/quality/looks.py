"""Which intervals a figure has: for one look at it, or for as many looks as anybody takes."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from agents.quality.discrimination import Tally, auc, auc_sequence
from agents.quality.intervals import Estimate, Kind, Share, mean_interval, wilson
from agents.quality.sequences import mean_sequence, share_sequence


@dataclass(frozen=True)
class Looks:
    """Estimators whose intervals keep the same promise.

    Attributes:
        kind: the promise, as their estimates name it.
        share: a proportion from successes and trials.
        mean: a mean of values in [0, 1] from their number, mean and sample variance.
        area: an AUC from the tallies of its scores.
    """

    kind: Kind
    share: Share
    mean: Callable[[int, float, float], Estimate]
    area: Callable[[Iterable[Tally]], Estimate]


ONE_LOOK = Looks("fixed", wilson, mean_interval, auc)
"""For a window that is over: the narrowest intervals."""

EVERY_LOOK = Looks("sequence", share_sequence, mean_sequence, auc_sequence)
"""For a window that still fills while people watch it: wider, and right at all looks together."""
