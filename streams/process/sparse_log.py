"""A log that an outage does not fill: of the same line only the first of each ten seconds."""

import logging
import time
from collections.abc import Callable, Collection

from cachetools import TTLCache

SECONDS = 10.0
LINES = 1000
"""Different lines that are told apart."""


class Sparse(logging.Filter):
    """Passes a line once in ten seconds, then says how often it came meanwhile.

    Two lines are the same when they come from the same place; what differs is in arguments.
    aiokafka alone writes some 170 lines a second while its broker is away.
    """

    def __init__(
        self, packages: Collection[str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Thin out what these packages say and nothing else; `clock` tells seconds."""
        super().__init__()
        self._packages = frozenset(packages)
        self._held: TTLCache[tuple[str, int], bool] = TTLCache(LINES, SECONDS, clock)
        self._left_out: dict[tuple[str, int], int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written."""
        if record.name.partition(".")[0] not in self._packages:
            return True
        line = (record.pathname, record.lineno)
        if line in self._held:
            self._left_out[line] = self._left_out.get(line, 0) + 1
            return False
        self._held[line] = True
        if count := self._left_out.pop(line, 0):
            record.msg = f"{record.msg} (and {count} more like it before)"
        return True
