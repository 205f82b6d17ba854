"""The chi-square detector, the second opinion on a mix: closed windows against the baseline."""

import math
from typing import Any

from scipy.special import chdtrc

from agents.drift.detector import Change
from agents.drift.tally import OTHER, MixTally

WINDOW = 500
"""Labels per window, fewer when the baseline is shorter."""

LARGEST_P = 1e-4
"""No window is called different above this p-value, however short the run length."""

_SMALLEST_CELL = 5.0
_SMALLEST_P = 1e-300


class ChiSquareDetector:
    """Tests each closed window of labels once against the baseline's counts.

    Pearson's two-sample chi-square; labels of which fewer than five are expected in a window are
    pooled. A window is called different when `p <= min(1e-4, window / run_length)`, so that the
    average run length is about `run_length` or longer; unlike the categorical detector's this rests
    on an approximation. Evidence is -log p of the latest closed window.
    """

    name = "chi_square"

    def __init__(self, baseline: MixTally, run_length: float) -> None:
        """Fix window and threshold from the baseline."""
        self._baseline = baseline
        self._size = min(WINDOW, baseline.n)
        self.threshold = -math.log(min(LARGEST_P, self._size / run_length))
        self.evidence = 0.0
        self._since = 0.0
        self._window = MixTally()

    @property
    def crossed(self) -> bool:
        """Whether the latest closed window differs from the baseline."""
        return self.evidence >= self.threshold

    def update(self, value: str, at: float) -> None:
        """Take one more label; the last of a window has it tested."""
        if self._window.n in (0, self._size):
            self._window, self._since = MixTally(), at
        self._window.add(value)
        if self._window.n == self._size:
            p = p_value(self._baseline, self._window)
            self.evidence = -math.log(max(p, _SMALLEST_P))

    def change(self) -> Change:
        """The latest window."""
        return Change("mix", self._since, self._window.summary())

    def state(self) -> dict[str, Any]:
        """The latest window and the evidence of the latest closed one."""
        return {"window": self._window.state(), "since": self._since, "evidence": self.evidence}

    def resume(self, state: dict[str, Any]) -> None:
        """Continue where `state` was taken."""
        self._window = MixTally.from_state(state["window"])
        self._since, self.evidence = float(state["since"]), float(state["evidence"])


def p_value(baseline: MixTally, window: MixTally) -> float:
    """P-value of a two-sample chi-square test of equal shares; 1 when nothing can be compared.

    >>> p_value(MixTally({"a": 500, "b": 500}), MixTally({"a": 50, "b": 50}))
    1.0
    >>> p_value(MixTally({"a": 500, "b": 500}), MixTally({"a": 90, "b": 10})) < 1e-10
    True
    """
    cells = _cells(baseline, window)
    share = window.n / (baseline.n + window.n)
    statistic = 0.0
    for before, now in cells:
        expected = (before + now) * share
        rest = (before + now) - expected
        statistic += (now - expected) ** 2 * (1 / expected + 1 / rest)
    freedom = len(cells) - 1
    return float(chdtrc(freedom, statistic)) if freedom else 1.0


def _cells(baseline: MixTally, window: MixTally) -> list[tuple[int, int]]:
    """(baseline count, window count) of each label, with those too rare to test pooled."""
    smallest = _SMALLEST_CELL * (baseline.n + window.n) / max(window.n, 1)
    pairs = {
        name: (baseline.counts.get(name, 0), window.counts.get(name, 0))
        for name in {**baseline.counts, **window.counts}
    }
    cells = [pair for name, pair in pairs.items() if name != OTHER and sum(pair) >= smallest]
    rare = [pair for name, pair in pairs.items() if name == OTHER or sum(pair) < smallest]
    pooled = (sum(before for before, _ in rare), sum(now for _, now in rare))
    if sum(pooled) < smallest and cells:
        least = min(range(len(cells)), key=lambda i: sum(cells[i]))
        pooled = (pooled[0] + cells[least][0], pooled[1] + cells[least][1])
        cells.pop(least)
    return [*cells, pooled]
