"""A cancellation that nobody asked of the waiting task: an error like any other.

Libraries cancel futures of their own while they break down, and whoever awaits one is handed a
`CancelledError`. Passed on, it looks like our own being told to stop, and the reason is lost.
"""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


class CancelledWithin(RuntimeError):
    """What was awaited was cancelled, the task that waits was not."""


async def contained(work: Awaitable[T]) -> T:
    """What `work` comes to; a cancellation is passed on only if it was asked of this task.

    Raises:
        CancelledWithin: `work` was cancelled from within.
    """
    try:
        return await work
    except asyncio.CancelledError as exc:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise CancelledWithin("cancelled from within") from exc
