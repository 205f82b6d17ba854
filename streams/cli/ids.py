"""Things that a person names by the first digits of an id."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from models.errors import ConfigurationError

Thing = TypeVar("Thing")


def one_of(
    found: Sequence[Thing], wanted: str, of: Callable[[Thing], str], listed: tuple[str, str]
) -> Thing:
    """The thing whose id starts so.

    Args:
        found: all there are.
        wanted: the first digits of an id, or all of it.
        of: a thing's id.
        listed: what such a thing is called, and the command that lists them.

    >>> one_of(["3f2a", "91c0"], "3f", str, ("alarm", "tidegauge alarms list"))
    '3f2a'

    Raises:
        ConfigurationError: none or several do.
    """
    fitting = [each for each in found if wanted and of(each).startswith(wanted)]
    if len(fitting) == 1:
        return fitting[0]
    name, command = listed
    why = f"fits no {name}" if not fitting else f"fits {len(fitting)} {name}s; give more digits"
    raise ConfigurationError(f"{wanted!r} {why}; `{command}` shows them")
