"""The desk's process: reads `reviews`, answers its API, tends the queue, publishes `decisions`."""

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial

from models.errors import Unavailable
from models.settings import Settings
from streams.assembly.batched import batched_on, consumer_of, sender_of
from streams.assembly.ground import Ground, Running, ground
from streams.delivery.dead_letters import Bury
from streams.delivery.kafka import new_producer
from streams.desk import queue
from streams.desk.api.app import Limits, build, now
from streams.desk.outbox import Publisher
from streams.desk.queue import Arrival
from streams.desk.server import listening, served, where
from streams.stages.desk import DeskStage, Ports, Positions, identify
from streams.store.outages import Outages

log = logging.getLogger("tidegauge")

TEND_SECONDS = 0.5


async def start(settings: Settings, stack: AsyncExitStack) -> Running:
    """The desk, ready to run; it goes on answering while Kafka or the store are away."""
    sock = listening(settings.desk)
    stack.callback(sock.close)
    here = await ground(settings, "desk", stack)
    desk = await asyncio.to_thread(queue.open_desk, settings.desk_database, here.tasks)
    stack.callback(desk.close)
    consumer = consumer_of(here)
    stage = DeskStage(await _ports(here, desk), consumer, here.vitals, here.letters)
    publisher = Publisher(desk, here.topics.decisions, partial(new_producer, settings), here.vitals)
    log.info("the review desk listens at %s", where(sock))
    return [
        *batched_on(here, consumer, (here.topics.reviews,), stage.work),
        served(build(desk, now, Limits.of(settings.desk)), sock),
        tended(desk),
        publisher.run(),
    ]


async def _ports(here: Ground, desk: queue.Desk) -> Ports:
    async def enqueue(arrivals: Sequence[Arrival], positions: Positions) -> int:
        return await asyncio.to_thread(queue.enqueue, desk, arrivals, positions, now())

    async def positions() -> Positions:
        return await asyncio.to_thread(queue.positions, desk)

    bury = Bury(here.topics.dead_letters, "desk", identify, time.time)
    return Ports(enqueue, positions, await sender_of(here), bury)


async def tended(desk: queue.Desk) -> None:
    """Have leases lapse, answers become final and items expire in time, for ever."""
    outages = Outages(log, "leases do not lapse and answers do not become final")
    while True:
        try:
            await asyncio.to_thread(queue.tend, desk, now())
        except Unavailable as exc:
            outages.met(exc)
        else:
            outages.over()
        await asyncio.sleep(TEND_SECONDS)
