"""The event loop of a stage's process: uvloop's, with short goodbyes."""

import asyncio
from typing import Any

import uvloop

GOODBYE_SECONDS = 1.0
"""How long a closed TLS connection may wait for the other side to close it, too."""


class Loop(uvloop.Loop):
    """Waits a second for the end of a TLS connection instead of half a minute.

    A broker that just answers a fetch never says goodbye (seen with Kafka 4.3 and uvloop 0.22), and
    every reader closed so would hold up a start or a stop for thirty seconds.
    """

    async def create_connection(self, *args: Any, **options: Any) -> Any:
        """Connect, as `asyncio` has it."""
        if options.get("ssl") and options.get("ssl_shutdown_timeout") is None:
            options["ssl_shutdown_timeout"] = GOODBYE_SECONDS
        return await super().create_connection(*args, **options)


class Policy(uvloop.EventLoopPolicy):  # type: ignore[misc]  # untyped there
    """Gives every thread such a loop: Faust's consumer has one of its own."""

    def _loop_factory(self) -> Loop:
        return Loop()


def use() -> None:
    """Have every event loop made from now on be one."""
    asyncio.set_event_loop_policy(Policy())
