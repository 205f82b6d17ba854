"""When a queue will be worked off, told from how fast it filled and emptied lately."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from agents.quality.intervals import LEVEL, Estimate

ENOUGH = 30
"""Decisions that make a pace; with fewer a longer look back is taken."""


@dataclass(frozen=True)
class Pace:
    """What came and went in a stretch of time.

    Attributes:
        hours: how long it was.
        arrived: items that came.
        decided: items that were decided.
    """

    hours: float
    arrived: int
    decided: int


@dataclass(frozen=True)
class Forecast:
    """What becomes of a queue at its present pace; hours from now.

    Attributes:
        waiting: items in it now.
        pace: what the forecast rests on.
        growth: by how many items an hour it grows, negative when it shrinks, with its interval;
            `n` counts what came and went.
        earliest: not before then, with 97.5 %; null when it is not to be expected at all.
        latest: by then, with 97.5 %; null when nobody can say that it ever is.
    """

    waiting: int
    pace: Pace
    growth: Estimate
    earliest: float | None
    latest: float | None


def forecast(waiting: int, pace: Pace) -> Forecast:
    """When the queue is empty, if items go on coming and being decided as they did.

    Arrivals and decisions are Poisson counts. With their difference d = decided - arrived over h
    hours, s2 = decided + arrived and x = t / h, the queue after t hours is waiting - d x with
    variance s2 x + s2 x^2: what happens by chance until then, and what is unknown of the rates.
    It is empty between the two x at which waiting - d x = +- 1.96 sqrt(s2 x (1 + x)), the roots of
    (d^2 - z^2 s2) x^2 - (2 waiting d + z^2 s2) x + waiting^2 = 0. s2 counts one more event of each
    kind than were met: of nothing that happened, something may.

    >>> forecast(120, Pace(1, 10, 70)).latest < 4
    True
    >>> growing = forecast(120, Pace(1, 70, 10))
    >>> growing.earliest is None, growing.growth.value
    (True, 60.0)
    """
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    gone = pace.decided - pace.arrived
    spread = pace.decided + pace.arrived + 2
    half = z * math.sqrt(spread) / pace.hours
    value = -gone / pace.hours
    growth = Estimate(value, value - half, value + half, pace.decided + pace.arrived)
    if waiting == 0:
        return Forecast(0, pace, growth, 0.0, 0.0)
    times = sorted(x * pace.hours for x in _roots(waiting, gone, z * z * spread) if x > 0)
    sure = gone > 0 and gone * gone > z * z * spread
    return Forecast(
        waiting=waiting,
        pace=pace,
        growth=growth,
        earliest=times[0] if times else None,
        latest=times[-1] if sure else None,
    )


def _roots(waiting: int, gone: int, noise: float) -> tuple[float, ...]:
    """Solutions of (gone^2 - noise) x^2 - (2 waiting gone + noise) x + waiting^2 = 0."""
    a, b, c = gone * gone - noise, -(2 * waiting * gone + noise), float(waiting * waiting)
    inside = b * b - 4 * a * c
    if inside < 0:
        return ()
    if math.isclose(a, 0.0, abs_tol=1e-12):
        return (-c / b,) if b else ()
    # the form without cancellation
    q = -(b + math.copysign(math.sqrt(inside), b)) / 2
    return (q / a, c / q) if q else (0.0,)


def present_pace(paces: Sequence[Pace]) -> Pace:
    """The shortest stretch that shows a pace, else the longest.

    >>> present_pace([Pace(1, 3, 9), Pace(4, 20, 44), Pace(24, 90, 100)]).hours
    4
    """
    ordered = sorted(paces, key=lambda pace: pace.hours)
    return next((pace for pace in ordered if pace.decided >= ENOUGH), ordered[-1])
