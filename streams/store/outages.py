"""Outages of the store, told once each by whoever keeps asking it meanwhile."""

import logging

from models.errors import Unavailable


class Outages:
    """Logs that the store went away and that it is back: one line each, however often it is asked.

    >>> import io
    >>> log = logging.Logger("example")
    >>> log.addHandler(logging.StreamHandler(said := io.StringIO()))
    >>> outages = Outages(log, "no heartbeat")
    >>> outages.over(); outages.met(Unavailable("away")); outages.met(Unavailable("away"))
    >>> outages.over(); outages.over()
    >>> said.getvalue().splitlines()
    ['no heartbeat: away', 'no heartbeat: over, after 2 attempts']
    """

    def __init__(self, log: logging.Logger, meanwhile: str) -> None:
        """Log there; `meanwhile` says what does not happen, or what holds, during an outage."""
        self._log = log
        self._meanwhile = meanwhile
        self._attempts = 0

    def met(self, problem: Unavailable) -> None:
        """An attempt failed."""
        self._attempts += 1
        if self._attempts == 1:
            self._log.warning("%s: %s", self._meanwhile, problem)

    def over(self) -> None:
        """An attempt succeeded."""
        if self._attempts:
            self._log.warning("%s: over, after %d attempts", self._meanwhile, self._attempts)
        self._attempts = 0
