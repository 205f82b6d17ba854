"""The mean e-detector: evidence that a mean has left its baseline, with a proven run length."""

import math
from typing import Any

from agents.drift.detector import STATISTIC_LIMIT, Change
from agents.drift.tally import MeanTally

SHIFTS = (0.02, 0.05, 0.1, 0.2, 0.4)
"""The sizes of shift the bets are tuned for."""

_CAUTION = 0.9
_SIDE = len(SHIFTS)


class EDetector:
    """Watches values in [0, 1] whose mean was `baseline.mean`, in both directions.

    Each of ten bets (five sizes of shift, up and down) runs a Shiryaev-Roberts statistic
    `M <- (M + 1) (1 + l (x - m0 - eps))` (mirrored for the way down) with `l = d / (s0^2 + d^2)`;
    the evidence is the log of their mean. While the mean of the stream stays within `eps` of the
    baseline, the average number of values until the evidence reaches `log(run_length)` is at
    least `run_length`, whatever the dependence between values (Shin, Ramdas, Rinaldo 2024,
    "E-detectors"). `eps` is the largest of the practical margin, two standard errors of the
    baseline mean, and 3 / n, which covers a baseline that never varied (the rule of three);
    without it the noise of a finite baseline alone would alarm in the end.

    >>> detector = EDetector(MeanTally(2000, 0.8, 2000 * 0.13**2), margin=0.01, run_length=1e5)
    >>> while not detector.crossed:
    ...     detector.update(0.6, at=0.0)
    >>> detector.change().direction, detector.change().after.n
    ('down', 24)
    """

    name = "e_detector"

    def __init__(self, baseline: MeanTally, margin: float, run_length: float) -> None:
        """Fix the bets from a baseline of at least two values."""
        mean = baseline.mean
        error = 2 * baseline.sd / math.sqrt(baseline.n)
        self.margin = max(margin, error, 3 / baseline.n)
        self.threshold = math.log(run_length)
        self._limit = run_length
        self._mean = mean
        self._high = mean + self.margin
        self._low = mean - self.margin
        self.bets = (
            *_bets(baseline.sd, self._high),
            *_bets(baseline.sd, 1 - self._low),
        )
        self._n = 0
        self._sum = 0.0
        self._squares = 0.0
        self._total = 0.0
        self._evidence = [0.0] * (2 * _SIDE)
        self._runs = [0.0] * (2 * _SIDE)
        self._marks = [(0, 0.0, 0.0, 0.0)] * (2 * _SIDE)

    @property
    def evidence(self) -> float:
        """Log of the mean statistic, never below 0."""
        return math.log(max(self._total / (2 * _SIDE), 1.0))

    @property
    def crossed(self) -> bool:
        """Whether the mean statistic has reached the run length."""
        return self._total >= self._limit * (2 * _SIDE)

    def update(self, value: float, at: float) -> None:
        """Take one more value in [0, 1].

        Beside each statistic its CUSUM (`run`) is kept: it starts anew whenever it has sunk to 1,
        and the latest start of the leading bet is the estimated change.
        """
        evidence, runs, marks = self._evidence, self._runs, self._marks
        mark = (self._n, self._sum, self._squares, at)
        excess = value - self._high
        total = 0.0
        for k, bet in enumerate(self.bets):
            if k == _SIDE:
                excess = self._low - value
            factor = 1.0 + bet * excess
            statistic = (evidence[k] + 1.0) * factor
            evidence[k] = statistic
            total += statistic
            run = runs[k]
            if run <= 1.0:
                marks[k] = mark
                runs[k] = factor
            else:
                runs[k] = run * factor if run < STATISTIC_LIMIT else run
        self._total = total
        if total > STATISTIC_LIMIT:
            self._hold_back()
        self._n += 1
        step = value - self._mean
        self._sum += step
        self._squares += step * step

    def change(self) -> Change:
        """The side and stretch of the bet with the most evidence."""
        best = max(range(2 * _SIDE), key=self._evidence.__getitem__)
        n, total, squares, at = self._marks[best]
        count = self._n - n
        mean = (self._sum - total) / count
        spread = (self._squares - squares) - count * mean * mean
        after = MeanTally(count, min(1.0, max(0.0, self._mean + mean)), spread)
        return Change("up" if best < _SIDE else "down", at, after.summary())

    def _hold_back(self) -> None:
        self._evidence = [min(statistic, STATISTIC_LIMIT) for statistic in self._evidence]
        self._total = _in_order(self._evidence)

    def state(self) -> dict[str, Any]:
        """Sums, and for each bet its statistic, its run and where that began."""
        return {
            "n": self._n,
            "sum": self._sum,
            "squares": self._squares,
            "evidence": list(self._evidence),
            "runs": list(self._runs),
            "marks": [list(mark) for mark in self._marks],
        }

    def resume(self, state: dict[str, Any]) -> None:
        """Continue where `state` was taken."""
        self._n, self._sum, self._squares = state["n"], state["sum"], state["squares"]
        self._evidence = [float(statistic) for statistic in state["evidence"]]
        self._runs = [float(run) for run in state["runs"]]
        self._marks = [(int(n), s, q, at) for n, s, q, at in state["marks"]]
        self._total = _in_order(self._evidence)


def _bets(sd: float, reach: float) -> tuple[float, ...]:
    """One bet per size of shift, small enough that a step of -`reach` leaves the factor positive.

    >>> min(1 - bet * 0.85 for bet in _bets(0.0, 0.85)) > 0
    True
    """
    return tuple(min(d / (sd * sd + d * d), _CAUTION / reach) for d in SHIFTS)


def _in_order(numbers: list[float]) -> float:
    """Their sum in the order `update` adds them, so that a resumed total is the same float."""
    total = 0.0
    for number in numbers:
        total += number
    return total
