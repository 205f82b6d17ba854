"""A stage's process: `python -m streams.worker STAGE`. Its settings come from the environment.

Exit codes: 0 asked to stop and done in time, 69 something needed does not answer at the start, 75
nothing moved for too long, 1 anything else: its supervisor starts it again. It does not after 65,
most records became dead letters, and 78, a setting is wrong: a person must mend something first.
"""

import asyncio
import gc
import importlib
import logging
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any

from models.errors import ConfigurationError, TidegaugeError, Unavailable
from models.settings import Settings, load_settings
from streams import exit_codes
from streams.assembly.ground import Running
from streams.delivery.dead_letter_limit import TooManyDeadLetters
from streams.embedded.parent import exit_with_parent
from streams.process import event_loop
from streams.process.ending import Ending, end_now
from streams.process.sparse_log import Sparse
from streams.process.watchdog import LoopWatch, Stalled
from streams.store.client import without_frames
from streams.topics import STAGES

_CODES: tuple[tuple[type[Exception], int], ...] = (
    (ConfigurationError, exit_codes.CONFIGURATION),
    (Unavailable, exit_codes.UNAVAILABLE),
    (Stalled, exit_codes.STALLED),
    (TooManyDeadLetters, exit_codes.GAVE_UP),
)

NOISY = ("aiokafka", "faust", "mode", "httpx", "httpx2", "kafka", "uvicorn")
"""Packages of which only warnings are wanted, and those not by the thousand."""

log = logging.getLogger("tidegauge")

Start = Callable[[Settings, AsyncExitStack], Coroutine[Any, Any, Running]]

Leaving = Callable[[int], None]
"""Told that the process is about to leave, and with which code if it should never get there."""


def _unhurried(_: int) -> None:
    """Leaving may take its time."""


def starter(stage: str) -> Start:
    """What starts a stage; only that stage's own imports are made.

    What they make stays for good: the collector of garbage need not look at it, now or later.
    """
    gc.disable()
    start: Start = importlib.import_module(f"streams.assembly.{stage}").start
    gc.freeze()
    gc.enable()
    return start


def exit_code(error: Exception) -> int:
    """The exit code that an error ends a worker with.

    >>> exit_code(ConfigurationError("KAFKA__PREFIX")), exit_code(ValueError("a bug"))
    (78, 1)
    """
    return next((code for kind, code in _CODES if isinstance(error, kind)), exit_codes.FAILED)


async def run(start: Start, settings: Settings, leaving: Leaving = _unhurried) -> None:
    """Start a stage and stay until SIGTERM, SIGINT or its crash, whose error is raised."""
    stop = asyncio.Event()

    def told_to_stop() -> None:
        leaving(exit_codes.FAILED)
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told_to_stop)
    async with AsyncExitStack() as stack:
        asked = asyncio.create_task(stop.wait())
        stack.push_async_callback(_cancelled, [asked])
        try:
            await _stay(start(settings, stack), asked, stack)
        except Exception as exc:
            leaving(exit_code(exc))
            raise


async def _stay(
    start: Coroutine[Any, Any, Running], asked: "asyncio.Task[Any]", stack: AsyncExitStack
) -> None:
    """Start, and stay until a stop is asked for or one of what runs ends; its error is raised."""
    starting = asyncio.create_task(start)
    if not await _first(asked, [starting]):
        return await _cancelled([starting])
    tasks = [asyncio.create_task(part) for part in starting.result()]
    stack.push_async_callback(_cancelled, tasks)
    await _first(asked, tasks)
    for task in tasks:
        if task.done():
            task.result()


async def _first(asked: "asyncio.Task[Any]", tasks: "Sequence[asyncio.Task[Any]]") -> bool:
    """Wait until a task ends (true) or a stop is asked for (false)."""
    await asyncio.wait([asked, *tasks], return_when=asyncio.FIRST_COMPLETED)
    return any(task.done() for task in tasks)


async def _cancelled(tasks: "Sequence[asyncio.Task[Any]]") -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError, Exception):
            await task


async def _watched(stage: str, settings: Settings) -> None:
    """Run a stage under the watch on its event loop and the limit on its end."""
    watch = LoopWatch(settings.delivery.stall_seconds, end_now)
    beating = asyncio.create_task(watch.beat())
    try:
        await run(starter(stage), settings, Ending(settings.delivery.stop_seconds).begin)
    finally:
        await _cancelled([beating])


def main() -> int:
    """Run the stage named on the command line."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    exit_with_parent()
    for noisy in NOISY:
        logging.getLogger(noisy).setLevel(logging.WARNING)
    for handler in logging.getLogger().handlers:
        handler.addFilter(Sparse(NOISY))
    if len(sys.argv) != 2 or sys.argv[1] not in STAGES:  # noqa: PLR2004 - program and stage
        sys.stderr.write(f"usage: python -m streams.worker {'|'.join(STAGES)}\n")
        return exit_codes.CONFIGURATION
    try:
        settings = load_settings()
        event_loop.use()
        without_frames()
        with asyncio.Runner() as runner:
            runner.run(_watched(sys.argv[1], settings))
    except TidegaugeError as exc:
        log.error("%s", exc)
        return exit_code(exc)
    return 0


if __name__ == "__main__":
    sys.exit(main())
