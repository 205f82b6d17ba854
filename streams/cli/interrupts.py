"""Ctrl-C and SIGTERM as the ordinary end of a command that stays."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any

from streams.cli import terminal


async def until_interrupted(work: Coroutine[Any, Any, None]) -> None:
    """Run something to its end or to the first SIGINT or SIGTERM, which cancels it.

    Its clean-up is waited for; further signals meanwhile only say so.
    """
    task = asyncio.create_task(work)
    asked = asyncio.Event()

    def on_signal() -> None:
        if asked.is_set():
            terminal.note("stopping; a moment")
        else:
            asked.set()
            task.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    try:
        await task
    except asyncio.CancelledError:
        if not asked.is_set():
            raise
