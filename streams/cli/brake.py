"""The brake that keeps a sending from running over the embedded broker."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from models.settings import Settings
from streams.cli.producing import Brake, no_brake


@asynccontextmanager
async def brake_of(settings: Settings) -> AsyncIterator[Brake]:
    """What a sender waits for after each record: nothing on a broker that keeps its records."""
    if settings.kafka.broker == "kafka":
        yield no_brake
        return
    from streams.embedded.positions import positions_of  # noqa: PLC0415 - only with the extra
    from streams.embedded.retention import SendThrottle  # noqa: PLC0415

    async with positions_of(settings) as positions:
        yield SendThrottle(positions.in_flight).sent
