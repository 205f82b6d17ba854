"""What the embedded programs share: how errors end them, and waiting to be told to stop."""

import asyncio
import signal
import sys
from collections.abc import Callable

from models.errors import ConfigurationError
from streams import exit_codes
from streams.embedded.parent import exit_with_parent


def run_program(serve: Callable[[], None]) -> int:
    """Run a child program tied to its parent; its exit code.

    A `ConfigurationError` becomes one line on stderr and exit code 78.
    """
    exit_with_parent()
    try:
        serve()
    except ConfigurationError as error:
        print(str(error), file=sys.stderr)  # noqa: T201
        return exit_codes.CONFIGURATION
    return 0


async def until_told_to_stop() -> None:
    """Return when SIGTERM or SIGINT arrives."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
