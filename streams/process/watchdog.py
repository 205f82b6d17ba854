"""The watchdog: a worker that has work and moves nothing, for no reason it knows of, ends.

Its supervisor starts it again. Two things are watched: that records move (on the event loop), and
that the event loop itself turns (from a thread).
"""

import asyncio
import faulthandler
import logging
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from models.errors import TidegaugeError
from streams import exit_codes
from streams.process.ending import end_soon
from streams.process.vitals import Vitals

log = logging.getLogger("tidegauge")

LOOK_SECONDS = 5.0
BEAT_SECONDS = 1.0


class Stalled(TidegaugeError):
    """There is work, nothing is known to be in its way, and nothing moved for too long."""


@dataclass(frozen=True, slots=True)
class Look:
    """What is seen of a stage at one moment, in seconds of one clock.

    Attributes:
        progressed_at: when it last finished something.
        waited_at: when it last knew what it was waiting for.
        unfinished: records unread or in work; none when that cannot be found out.
    """

    at: float
    progressed_at: float
    waited_at: float
    unfinished: int | None


def still_since(since: float, look: Look) -> float:
    """Since when a stage stands still for no known reason, after one more look.

    Nothing to do, and not knowing whether there is, are reasons.

    >>> still_since(10.0, Look(at=99.0, progressed_at=40.0, waited_at=0.0, unfinished=3))
    40.0
    >>> still_since(10.0, Look(at=99.0, progressed_at=40.0, waited_at=0.0, unfinished=0))
    99.0
    """
    if not look.unfinished:
        return look.at
    return max(since, look.progressed_at, look.waited_at)


async def watched(vitals: Vitals, unfinished: Callable[[], Awaitable[int]], seconds: float) -> None:
    """Look every few seconds; never returns.

    Raises:
        Stalled: nothing moved for `seconds` though there was something to do.
    """
    since = time.monotonic()
    while True:
        await asyncio.sleep(min(LOOK_SECONDS, seconds / 4))
        left = await _found(unfinished)
        look = Look(time.monotonic(), vitals.progressed_at, vitals.waited_at, left)
        since = still_since(since, look)
        if look.at - since >= seconds:
            raise Stalled(
                f"{vitals.stage}: {left:,} records are unfinished and none moved for "
                f"{look.at - since:.0f} s, with nothing known to be in the way; ending, to be "
                "started again"
            )


async def _found(unfinished: Callable[[], Awaitable[int]]) -> int | None:
    try:
        return await asyncio.wait_for(unfinished(), LOOK_SECONDS)
    except Exception as exc:  # the broker is away or partitions move: nobody can tell then
        log.info("unfinished records unknown: %r", exc)
        return None


class LoopWatch:
    """A thread that ends the process when its event loop has not turned for too long.

    It counts its own ticks, not seconds of a clock: a machine that slept has not stalled.
    """

    def __init__(self, seconds: float, end: Callable[[int], None]) -> None:
        """`end` is called with the exit code once the loop has missed so many seconds."""
        self._seconds = seconds
        self._end = end
        self._missed = 0
        self._over = threading.Event()

    async def beat(self) -> None:
        """Show that the loop turns, until cancelled."""
        threading.Thread(target=self._watch, name="loop watch", daemon=True).start()
        try:
            while True:
                self._missed = 0
                await asyncio.sleep(BEAT_SECONDS)
        finally:
            self._over.set()

    def _watch(self) -> None:
        while not self._over.wait(BEAT_SECONDS):
            self._missed += 1
            if self._missed * BEAT_SECONDS > self._seconds:
                end_soon(exit_codes.STALLED)
                log.critical(
                    "the event loop has not turned for %d s; ending, to be started again. "
                    "Where it hangs:",
                    self._missed,
                )
                faulthandler.dump_traceback(sys.stderr)
                self._end(exit_codes.STALLED)
                return
