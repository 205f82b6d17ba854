"""Whether an answer came faster than its text can be read."""

from collections.abc import Sequence

LEAST_SECONDS = 1.0
CHARACTERS_PER_SECOND = 60.0
"""Some 700 words a minute: nobody reads faster, most people a third of that."""

IN_A_ROW = 3
"""One quick answer is a short text known at sight; so many are not read."""


def time_spent(measured: float | None, lease_age: float) -> float | None:
    """Seconds spent on an item as its decision says: never more than it was held.

    >>> time_spent(900, 20), time_spent(5, 20), time_spent(None, 20)
    (20, 5, None)
    """
    return None if measured is None else min(measured, max(lease_age, 0.0))


def is_quick(seconds: float, characters: int) -> bool:
    """Faster than a text of that length can be read.

    >>> is_quick(2, 600), is_quick(12, 600), is_quick(0.9, 3)
    (True, False, True)
    """
    return seconds < max(LEAST_SECONDS, characters / CHARACTERS_PER_SECOND)


def is_bulk(quick: bool, before: Sequence[bool]) -> bool:
    """This answer and the reviewer's two before it were quick.

    >>> is_bulk(True, [True, True]), is_bulk(True, [True]), is_bulk(False, [True, True])
    (True, False, False)
    """
    last = [quick, *before][:IN_A_ROW]
    return len(last) == IN_A_ROW and all(last)
