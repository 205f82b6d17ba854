"""The drift stage's process."""

import time
from contextlib import AsyncExitStack
from functools import partial

from models.settings import Settings
from streams.assembly.batched import batched, sender_of
from streams.assembly.ground import Running, ground
from streams.delivery.dead_letters import Bury
from streams.stages.drift import DriftStage, Outlet, Snapshots
from streams.stages.judge import identify
from streams.store import snapshots


async def start(settings: Settings, stack: AsyncExitStack) -> Running:
    """The drift stage, ready to run."""
    here = await ground(settings, "drift", stack)
    kept = Snapshots(partial(snapshots.load, here.store), partial(snapshots.save, here.store))
    bury = Bury(here.topics.dead_letters, "drift", identify, time.time)
    outlet = Outlet(await sender_of(here), bury, here.letters)
    stage = DriftStage(here.topics, here.tasks, kept, outlet)
    return batched(here, (here.topics.readings,), stage.work)
