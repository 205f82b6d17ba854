"""Numbers and moments as people read them; unknown is a dash, never a zero."""

import math
import re
from datetime import datetime
from typing import Protocol

DASH = "–"
PROMISES = {
    "fixed": "for one look at a window that is over",
    "sequence": "valid however often you look while the window fills",
}
"""What a 95 % interval promises, by the estimate's kind."""
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2066-\u2069]")
THOUSAND = 1000
UNITS = ((86_400, "d"), (3600, "h"), (60, "min"))


class Interval(Protocol):
    """An estimate with its ends and its n."""

    @property
    def value(self) -> float | None:
        """The point estimate."""

    @property
    def low(self) -> float | None:
        """The interval's lower end."""

    @property
    def high(self) -> float | None:
        """The interval's upper end."""

    @property
    def n(self) -> int:
        """What it rests on."""


def percent(value: float | None, digits: int = 1) -> str:
    """A share in per cent.

    >>> percent(0.8125), percent(None)
    ('81.2 %', '–')
    """
    return DASH if value is None else f"{100 * value:.{digits}f} %"


def decimal(value: float | None) -> str:
    """A score in [0, 1].

    >>> decimal(0.8094)
    '0.809'
    """
    return DASH if value is None else f"{value:.3f}"


def count(value: float | None) -> str:
    """A whole number with groups.

    >>> count(12345)
    '12,345'
    """
    return DASH if value is None else f"{value:,.0f}"


def shares(estimate: Interval) -> str:
    """An interval of shares and its n, for the line beneath a number."""
    if estimate.value is None:
        return f"n {count(estimate.n)}"
    if estimate.low is None or estimate.high is None:
        return f"no interval yet · n {count(estimate.n)}"
    return f"{100 * estimate.low:.1f}–{100 * estimate.high:.1f} % · n {count(estimate.n)}"


def scores(estimate: Interval) -> str:
    """An interval of scores and its n, for the line beneath a number."""
    if estimate.low is None or estimate.high is None:
        return f"n {count(estimate.n)}"
    return f"{estimate.low:.3f}–{estimate.high:.3f} · n {count(estimate.n)}"


def evidence(value: float) -> str:
    """A detector's statistic, on whatever scale it has.

    >>> evidence(41233.4), evidence(3.14159)
    ('41,233', '3.14')
    """
    return f"{value:,.0f}" if abs(value) >= THOUSAND else f"{value:.3g}"


def dollars(value: float | None) -> str:
    r"""An amount with as many digits as it needs; escaped, since two of them would be a formula.

    >>> dollars(0.02188), dollars(12.5), dollars(0.00004)
    ('US\\$ 0.0219', 'US\\$ 12.50', 'US\\$ 0.00004')
    """
    if value is None:
        return DASH
    if value == 0 or value >= 1:
        return f"US\\$ {value:,.2f}"
    digits = 2 - math.floor(math.log10(value))
    return f"US\\$ {f'{value:.{digits}f}'.rstrip('0')}"


def moment(at: datetime | None) -> str:
    """A moment in UTC to the second."""
    return DASH if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC"


def span(seconds: float) -> str:
    """A length of time in its largest unit.

    >>> span(42), span(300), span(5400), span(200_000)
    ('42 s', '5 min', '1.5 h', '2.3 d')
    """
    size, unit = next((each for each in UNITS if seconds >= each[0]), (1, "s"))
    return f"{seconds / size:.2g} {unit}"


def visible(text: str) -> str:
    r"""Text whose control characters and direction marks show as escapes instead of acting.

    >>> visible("a\x00b\u202ec")
    'a\\x00b\\u202ec'
    """
    return _CONTROL.sub(lambda found: found.group().encode("unicode_escape").decode(), text)
