"""The route stage's process."""

import time
from contextlib import AsyncExitStack

from models.settings import Settings
from streams.assembly.ground import Running, ground
from streams.assembly.windowed import WINDOW, plan_of, windowed
from streams.delivery.dead_letters import Bury
from streams.policies import PolicyBook
from streams.stages.judge import identify
from streams.stages.route import RouteStage


async def start(settings: Settings, stack: AsyncExitStack) -> Running:
    """The route stage, ready to run."""
    here = await ground(settings, "route", stack)
    stage = RouteStage(here.topics, PolicyBook(settings).find)
    bury = Bury(here.topics.dead_letters, "route", identify, time.time)
    follow = (here.topics.results, here.topics.dead_letters)
    plan = plan_of(here, stage.handle, bury, follow, WINDOW)
    return await windowed(here, here.topics.verdicts, plan)
