"""Running summaries of readings: a mean with its spread, or counts of labels."""

import math
from collections.abc import Mapping
from typing import Any, Self

from scipy.special import stdtrit

from models.drift import Summary

OTHER = "other"
"""The name all labels beyond the bound are counted under."""

LABEL_LIMIT = 50
"""How many label names are told apart; more distinct ones are counted as `other`."""


class MeanTally:
    """Mean and spread of values in [0, 1], one at a time (Welford 1962).

    >>> tally = MeanTally()
    >>> for value in (0.2, 0.4, 0.6):
    ...     tally.add(value)
    >>> tally.n, round(tally.mean, 3), round(tally.sd, 3)
    (3, 0.4, 0.2)
    """

    def __init__(self, n: int = 0, mean: float = 0.0, squares: float = 0.0) -> None:
        """Start from sums kept elsewhere; `squares` is the sum of squared deviations."""
        self.n = n
        self.mean = mean
        self._squares = max(squares, 0.0)

    def add(self, value: float) -> None:
        """Count one more value."""
        self.n += 1
        step = value - self.mean
        self.mean += step / self.n
        self._squares += step * (value - self.mean)

    @property
    def sd(self) -> float:
        """Sample standard deviation, 0 below two values."""
        return math.sqrt(self._squares / (self.n - 1)) if self.n > 1 else 0.0

    def summary(self) -> Summary:
        """The mean with its 95 % t-interval, cut to [0, 1]; no interval below two values."""
        if self.n == 0:
            return Summary(n=0)
        if self.n == 1:
            return Summary(n=1, mean=self.mean)
        half = float(stdtrit(self.n - 1, 0.975)) * self.sd / math.sqrt(self.n)
        return Summary(
            n=self.n,
            mean=self.mean,
            low=max(0.0, self.mean - half),
            high=min(1.0, self.mean + half),
        )

    def state(self) -> dict[str, Any]:
        """The three running numbers."""
        return {"n": self.n, "mean": self.mean, "squares": self._squares}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """The tally `state` was taken from."""
        return cls(int(state["n"]), float(state["mean"]), float(state["squares"]))


class MixTally:
    """Counts of labels, told apart by name up to a bound.

    >>> tally = MixTally({"spam": 3})
    >>> tally.add("ham")
    >>> tally.n, tally.summary().mix
    (4, {'spam': 0.75, 'ham': 0.25})
    """

    def __init__(self, counts: Mapping[str, int] | None = None) -> None:
        """Start from counts kept elsewhere."""
        self.counts: dict[str, int] = dict(counts or {})
        self.n = sum(self.counts.values())

    def add(self, value: str) -> None:
        """Count one more label."""
        counts = self.counts
        name = value if value in counts or len(counts) < LABEL_LIMIT else OTHER
        counts[name] = counts.get(name, 0) + 1
        self.n += 1

    def summary(self) -> Summary:
        """The share of each label, largest first."""
        ranked = sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))
        return Summary(n=self.n, mix={name: count / self.n for name, count in ranked})

    def state(self) -> dict[str, Any]:
        """The counts."""
        return {"counts": dict(self.counts)}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """The tally `state` was taken from."""
        return cls(state["counts"])
