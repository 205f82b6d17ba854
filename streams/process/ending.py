"""The end of a worker's process: within its time, whatever hangs."""

import logging
import os
import sys
import threading
from contextlib import suppress

log = logging.getLogger("tidegauge")

LAST_WORDS_SECONDS = 2.0
"""How long a process that must end may take to say why."""


def end_soon(code: int) -> None:
    """Have this process end within `LAST_WORDS_SECONDS`, whatever it does until then.

    Comes before the last words: a standard error that is a full pipe nobody reads takes none.
    """
    timer = threading.Timer(LAST_WORDS_SECONDS, os._exit, args=(code,))
    timer.daemon = True
    timer.start()


def end_now(code: int) -> None:
    """End this process without waiting for threads, clients or the event loop."""
    end_soon(code)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # closed or full: there is nobody left to tell
            stream.flush()
    os._exit(code)


class Ending:
    """A time limit on leaving; it starts once, with the first reason to leave."""

    def __init__(self, seconds: float) -> None:
        """The seconds a process may take to leave."""
        self._seconds = seconds
        self._timer: threading.Timer | None = None

    def begin(self, code: int) -> None:
        """Start the clock; a process still there at its end has this exit code."""
        if self._timer is None:
            self._timer = threading.Timer(self._seconds, self._late, args=(code,))
            self._timer.daemon = True
            self._timer.start()

    def _late(self, code: int) -> None:
        end_soon(code)
        log.error(
            "not stopped within %g s: something does not let go, such as a broker that is down; "
            "ending all the same, unfinished records come again",
            self._seconds,
        )
        end_now(code)
