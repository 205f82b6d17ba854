"""ADWIN, the second opinion on a mean: do two halves of the recent past differ?"""

import base64
import math
from typing import Any

import numpy as np
import numpy.typing as npt
from river.drift import ADWIN

from agents.drift.detector import Change, Direction
from agents.drift.tally import MeanTally

KEPT = 2048
"""Values that survive a rebuild of the window; it is rebuilt whenever twice as many are held."""

_CLOCK = 32
_SHORTEST = 5
_STEPS = 65_535


class Adwin:
    """river's ADWIN (Bifet and Gavalda 2007) with a state that is plain JSON.

    river's object can only be pickled, so the values in its window are kept beside it, rounded to
    1/65535, and a resumed detector replays them. To make that exact, the running detector does the
    same: at 4096 values it is rebuilt from the last 2048. What is lost against river's own window:
    changes so slow that 2048 to 4096 values do not show them. Replays raise nothing.

    ADWIN needs no baseline; it compares the parts of its own window, which is empty when the watch
    begins, so soon after a baseline it sees less than the e-detector does. Evidence is the largest
    ratio of a difference of means to ADWIN's bound for it, over all splits, so 1 is the threshold.
    """

    name = "adwin"
    threshold = 1.0

    def __init__(self, delta: float) -> None:
        """Start with an empty window; `delta` is ADWIN's confidence parameter."""
        self._delta = delta
        self._window: list[int] = []
        self._times: list[float] = []
        self._adwin = self._fresh()

    @property
    def crossed(self) -> bool:
        """Whether ADWIN found two parts that differ at the latest value."""
        return bool(self._adwin.drift_detected)

    @property
    def evidence(self) -> float:
        """Difference of means over ADWIN's bound, at the split where that is largest."""
        split = self._split()
        return 0.0 if split is None else split[1]

    def update(self, value: float, at: float) -> None:
        """Take one more value in [0, 1]; after a detection this starts a new window, as in river.

        Times are kept once per 32 values, so `since` is that coarse.
        """
        if self.crossed:
            self._window, self._times, self._adwin = [], [], self._fresh()
        if len(self._window) % _CLOCK == 0:
            self._times.append(at)
        self._window.append(round(value * _STEPS))
        self._adwin.update(self._window[-1] / _STEPS)
        if len(self._window) == 2 * KEPT and not self.crossed:
            self._replay(self._window[-KEPT:], self._times[-KEPT // _CLOCK :])
            if self.crossed:
                self._replay([], [])

    def change(self) -> Change:
        """The part of the window after the split with the most evidence."""
        split = self._split()
        start = 0 if split is None else split[0]
        before, after = _tally(self._window[:start]), _tally(self._window[start:])
        direction: Direction = "up" if after.mean >= before.mean else "down"
        return Change(direction, self._times[start // _CLOCK], after.summary())

    def state(self) -> dict[str, Any]:
        """The window, two bytes a value in base64, and its coarse times."""
        packed = np.array(self._window, dtype="<u2").tobytes()
        return {"window": base64.b64encode(packed).decode(), "times": list(self._times)}

    def resume(self, state: dict[str, Any]) -> None:
        """Continue where `state` was taken."""
        window = np.frombuffer(base64.b64decode(state["window"]), dtype="<u2").tolist()
        self._replay([int(step) for step in window], [float(at) for at in state["times"]])

    def _fresh(self) -> Any:
        settings = {"delta": self._delta, "clock": _CLOCK, "min_window_length": _SHORTEST}
        return ADWIN(**settings)  # type: ignore[no-untyped-call]

    def _replay(self, window: list[int], times: list[float]) -> None:
        """Make ADWIN what these values make it; what lies before a detection among them goes."""
        self._adwin = self._fresh()
        start = 0
        for i, step in enumerate(window):
            if self._adwin.drift_detected:
                start, self._adwin = i, self._fresh()
            self._adwin.update(step / _STEPS)
        self._window, self._times = window[start:], times[start // _CLOCK :]

    def _split(self) -> tuple[int, float] | None:
        """The split with the largest ratio to ADWIN's bound, and that ratio; null if too short."""
        n = len(self._window)
        if n < 2 * _SHORTEST:
            return None
        values = np.array(self._window) / _STEPS
        sums = values.cumsum()
        first = np.arange(_SHORTEST, n - _SHORTEST + 1)
        head = sums[first - 1]
        gap = np.abs(head / first - (sums[-1] - head) / (n - first))
        ratio = gap / _bound(first, n, float(values.var()), self._delta)
        best = int(ratio.argmax())
        return int(first[best]), float(ratio[best])


def _bound(
    first: npt.NDArray[np.int64], n: int, variance: float, delta: float
) -> npt.NDArray[np.float64]:
    """ADWIN's epsilon-cut for splits after `first` of `n` values (the paper's normal bound)."""
    inverse = 1 / (first - _SHORTEST + 1) + 1 / (n - first - _SHORTEST + 1)
    log = math.log(2 * math.log(n) / delta)
    bound: npt.NDArray[np.float64] = np.sqrt(2 * inverse * variance * log) + 2 / 3 * inverse * log
    return bound


def _tally(window: list[int]) -> MeanTally:
    tally = MeanTally()
    for step in window:
        tally.add(step / _STEPS)
    return tally
