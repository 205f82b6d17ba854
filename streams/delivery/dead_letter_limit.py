"""The dead-letter limit: when a stage buries so much of its traffic that it must be at fault.

A bad deploy can make dead letters of everything. So the last records are counted, and the stage
stops before it buries one more when the share is above the limit beyond doubt.
"""

from collections import Counter, deque
from math import sqrt

from models.errors import TidegaugeError

Z = 2.576
"""Standard errors below the share seen: one stop in 200 by chance when it is just at the limit."""

SHOWN = 160


class TooManyDeadLetters(TidegaugeError):
    """Most of what came lately became dead letters; a person must see why before it goes on."""


def lower_bound(buried: int, settled: int) -> float:
    """The lower end of Wilson's interval of a share, at `Z` standard errors; 0 of nothing.

    Source: E. B. Wilson, JASA 22 (1927), 209-212.

    >>> round(lower_bound(500, 500), 3), round(lower_bound(260, 500), 3)
    (0.987, 0.463)
    """
    if not settled:
        return 0.0
    share, z2 = buried / settled, Z * Z
    spread = Z * sqrt(share * (1 - share) / settled + z2 / (4 * settled * settled))
    return (share + z2 / (2 * settled) - spread) / (1 + z2 / settled)


class DeadLetterLimit:
    """What became of the last records of one stage since it started.

    Counted is what the stage settles itself: neither replayed letters nor what a former life had
    done. A judgement needs half a window of records.
    """

    def __init__(self, share: float = 0.5, window: int = 1000) -> None:
        """A limit on the share, between 0 and 1, over a window in records."""
        self._share = share
        self._enough = (window + 1) // 2
        self._last: deque[str] = deque(maxlen=window)
        self._errors: Counter[str] = Counter()
        self._latest: dict[str, str] = {}

    def settled(self, records: int = 1) -> None:
        """Count records that came to something."""
        for _ in range(min(records, self._last.maxlen or 0)):
            self._count("")

    def bury(self, error: BaseException) -> None:
        """Count a record that is about to become a dead letter for this error.

        Raises:
            TooManyDeadLetters: it must not: the limit is passed.
        """
        self._count(type(error).__name__)
        self._latest[type(error).__name__] = _short(str(error))
        self._check()

    def buried(self, letters: int, error: str) -> None:
        """Count dead letters that are stored already, all for one kind of error.

        Raises:
            TooManyDeadLetters: the limit is passed; this shall be the last batch.
        """
        for _ in range(letters):
            self._count(error)
        self._check()

    def _count(self, error: str) -> None:
        if len(self._last) == self._last.maxlen and (oldest := self._last[0]):
            self._errors[oldest] -= 1
        self._last.append(error)
        if error:
            self._errors[error] += 1

    def _check(self) -> None:
        buried, settled = self._errors.total(), len(self._last)
        if settled < self._enough or lower_bound(buried, settled) <= self._share:
            return
        name, times = self._errors.most_common(1)[0]
        latest = f", lately: {self._latest[name]}" if name in self._latest else ""
        raise TooManyDeadLetters(
            f"{buried:,} of the last {settled:,} records became dead letters "
            f"({buried / settled:.0%}; the limit is {self._share:.0%}), {times:,} of them "
            f"{name}{latest}. Stopped for good: mend it, start the stage again, then run "
            "`tidegauge dead-letters replay --all`"
        )


def _short(text: str) -> str:
    line = "".join(sign if sign.isprintable() else " " for sign in text)
    return line if len(line) <= SHOWN else f"{line[:SHOWN]} …"
