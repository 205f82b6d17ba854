"""How often somebody may ask: a token bucket for each account or address."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime

MOST = 10_000
"""Askers remembered at once; whoever asked longest ago is forgotten first."""

Clock = Callable[[], datetime]


class Rates:
    """Buckets that hold `burst` requests and fill with `per_second`; threads may share them.

    >>> from datetime import UTC
    >>> moments = [datetime(2026, 1, 1, 0, 0, second, tzinfo=UTC) for second in (0, 0, 0, 3)]
    >>> rates = Rates(per_second=0.5, burst=2, clock=iter(moments).__next__)
    >>> [rates.wait("ann") for _ in moments]
    [0.0, 0.0, 2.0, 0.0]
    """

    def __init__(self, per_second: float, burst: float, clock: Clock) -> None:
        """A full bucket for everybody."""
        self._per_second = per_second
        self._burst = burst
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, who: str) -> float:
        """Take one request out of a bucket: 0, or the seconds until there is one again."""
        now = self._clock().timestamp()
        with self._lock:
            left, at = self._buckets.pop(who, (self._burst, now))
            left = min(self._burst, left + max(0.0, now - at) * self._per_second)
            short = 1.0 - left
            self._buckets[who] = (left if short > 0 else left - 1.0, now)
            if len(self._buckets) > MOST:
                self._buckets.popitem(last=False)
        return max(0.0, short / self._per_second)
