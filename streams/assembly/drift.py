"""The drift stage's process."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial

from models.settings import Settings
from streams.assembly.batched import batched
from streams.assembly.ground import Running, ground
from streams.delivery.dead_letters import Bury
from streams.delivery.kafka import new_producer, reach
from streams.delivery.records import Output
from streams.stages.drift import DriftStage, Outlet, Snapshots
from streams.stages.judge import identify
from streams.store import snapshots


async def start(settings: Settings, stack: AsyncExitStack) -> Running:
    """The drift stage, ready to run."""
    here = await ground(settings, "drift", stack)
    producer = new_producer(settings)
    await reach(producer, settings)
    stack.push_async_callback(producer.stop)

    async def send(outputs: Sequence[Output]) -> None:
        stored = [
            await producer.send(o.topic, o.value, key=o.key, headers=list(o.headers))
            for o in outputs
        ]
        await asyncio.gather(*stored)
        here.vitals.emitted += len(stored)

    kept = Snapshots(partial(snapshots.load, here.store), partial(snapshots.save, here.store))
    bury = Bury(here.topics.dead_letters, "drift", identify, time.time)
    stage = DriftStage(here.topics, here.tasks, kept, Outlet(send, bury, here.letters))
    return batched(here, (here.topics.readings,), stage.work)
