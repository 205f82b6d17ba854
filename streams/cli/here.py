"""The settings of a command: the environment's, and the addresses of what runs here."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from models.errors import ConfigurationError
from models.settings import Settings, load_settings
from streams.cli import terminal
from streams.embedded.run_file import forget_dead_instance

Thing = TypeVar("Thing")


def settings_here() -> Settings:
    """The settings, rid of what an instance that did not stop cleanly left behind.

    Raises:
        ConfigurationError: a setting does not fit.
    """
    settings = load_settings()
    if not forget_dead_instance(settings.data):
        return settings
    terminal.note("the instance that ran here is gone (it did not stop cleanly)")
    return load_settings()


def chosen(settings: Settings, group: str) -> bool:
    """A group of settings was given, by the environment or by the running instance.

    >>> chosen(Settings(), "model"), chosen(Settings(model={"model": "x"}), "model")
    (False, True)
    """
    return group in given(settings)


def given(settings: Settings) -> dict[str, Any]:
    """Every setting that differs from silence, nested as in `Settings`."""
    return settings.model_dump(exclude_unset=True)


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
