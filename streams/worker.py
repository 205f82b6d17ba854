"""A stage's process: `python -m streams.worker STAGE`. Its settings come from the environment.

Exit codes: 0 asked to stop, 69 something needed does not answer at the start, 78 a person must mend
a setting (a supervisor does not restart that), 1 anything else.
"""

import asyncio
import importlib
import logging
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any

import uvloop

from models.errors import ConfigurationError, TidegaugeError, Unavailable
from models.settings import Settings, load_settings
from streams.assembly.ground import Running
from streams.embedded.parent import exit_with_parent
from streams.topics import STAGES

EXIT_CRASHED = 1
EXIT_UNAVAILABLE = 69
EXIT_CONFIGURATION = 78

log = logging.getLogger("tidegauge")

Start = Callable[[Settings, AsyncExitStack], Coroutine[Any, Any, Running]]


def starter(stage: str) -> Start:
    """What starts a stage; only that stage's own imports are made."""
    start: Start = importlib.import_module(f"streams.assembly.{stage}").start
    return start


async def run(start: Start, settings: Settings) -> None:
    """Start a stage and stay until SIGTERM, SIGINT or its crash, whose error is raised."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        asked = asyncio.create_task(stop.wait())
        stack.push_async_callback(_cancelled, [asked])
        starting = asyncio.create_task(start(settings, stack))
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


def main() -> int:
    """Run the stage named on the command line."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    exit_with_parent()
    for noisy in ("aiokafka", "faust", "mode", "httpx", "httpx2", "kafka"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    if len(sys.argv) != 2 or sys.argv[1] not in STAGES:  # noqa: PLR2004 - program and stage
        sys.stderr.write(f"usage: python -m streams.worker {'|'.join(STAGES)}\n")
        return EXIT_CONFIGURATION
    try:
        settings = load_settings()
        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())  # Faust's consumer has its own loop
        with asyncio.Runner() as runner:
            runner.run(run(starter(sys.argv[1]), settings))
    except ConfigurationError as exc:
        log.error("%s", exc)
        return EXIT_CONFIGURATION
    except Unavailable as exc:
        log.error("%s", exc)
        return EXIT_UNAVAILABLE
    except TidegaugeError as exc:
        log.error("%s", exc)
        return EXIT_CRASHED
    return 0


if __name__ == "__main__":
    sys.exit(main())
