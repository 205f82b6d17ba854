"""When the queue will be empty, in words: a range, or why there is none."""

from dashboard import words
from streams.store.figures.review_queue import Outlook

HOUR = 3600
DAYS_SAID = 90


def headline(outlook: Outlook) -> str:
    """The forecast in a few words, for a number's place."""
    found = outlook.forecast
    if not found.waiting:
        return "now"
    if not found.growth.n:
        return words.DASH
    if found.earliest is None:
        return f"grows by {_rate(found.growth.value)}"
    if found.latest is None:
        return f"≥ {_length(found.earliest)}"
    first, last = _length(found.earliest), _length(found.latest)
    return f"in {first}" if first == last else f"in {first} to {last}"


def pace(outlook: Outlook) -> str:
    """What the forecast rests on: how many items came and were decided lately."""
    taken = outlook.forecast.pace
    mark = " · simulated" if outlook.simulated else ""
    return f"{words.count(taken.arrived)} in, {words.count(taken.decided)} out{mark}"


def lines(outlook: Outlook) -> dict[str, str]:
    """The forecast in full, for a list of names and numbers."""
    found = outlook.forecast
    taken, growth = found.pace, found.growth
    return {
        "Waiting now": words.count(found.waiting),
        "Looked back": _length(taken.hours),
        "Came": f"{words.count(taken.arrived)} ({_rate(taken.arrived / taken.hours)})",
        "Decided by people": words.count(taken.decided - outlook.simulated),
        "Decided, simulated": words.count(outlook.simulated),
        "Growth": f"{_rate(growth.value)} (95 %: {_rate(growth.low)} to {_rate(growth.high)})",
        "Empty, at the earliest": _moment(found.earliest, "not at this pace"),
        "Empty, at the latest": _moment(found.latest, "nobody can say at this pace"),
    }


def _moment(hours: float | None, otherwise: str) -> str:
    if hours is None:
        return otherwise
    return "now" if hours == 0 else f"in {_length(hours)}"


def _rate(value: float | None) -> str:
    """Items an hour, with as many digits as tell something."""
    if value is None:
        return words.DASH
    digits = 0 if abs(value) >= 10 else 1  # noqa: PLR2004
    return f"{value:,.{digits}f} an hour".replace("-", "−")


def _length(hours: float) -> str:
    over = hours > DAYS_SAID * 24
    return f"over {DAYS_SAID} days" if over else words.span(hours * HOUR)
