"""The sink's process."""

from contextlib import AsyncExitStack

from models.settings import Settings
from streams.assembly.batched import batched
from streams.assembly.ground import Running, ground
from streams.stages.sink import SinkStage


async def start(settings: Settings, stack: AsyncExitStack) -> Running:
    """The sink, ready to run."""
    here = await ground(settings, "sink", stack)
    stage = SinkStage(here.store, here.topics, here.form, here.vitals, here.letters)
    return batched(here, stage.topics_read, stage.work)
