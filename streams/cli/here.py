"""The settings of a command: the environment's, and the addresses of what runs here."""

from typing import Any

from models.settings import Settings, load_settings
from streams.cli import terminal
from streams.embedded.run_file import forget_dead_instance


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
