"""The judge stage's process."""

import time
from contextlib import AsyncExitStack
from functools import partial

from agents.judge.judge import new_judge
from models.policy import Policy
from models.record import Version
from models.settings import Settings
from streams.assembly.asking import breaker_watched, oversight_of, prepare
from streams.assembly.ground import Running, ground
from streams.assembly.policies import policies_of
from streams.assembly.windowed import WINDOW, plan_of, windowed
from streams.delivery.dead_letters import Bury
from streams.edge import Edge
from streams.policies import PolicyBook
from streams.stages.judge import Bench, JudgeStage, identify


async def start(settings: Settings, stack: AsyncExitStack) -> Running:
    """The judge stage, ready to run; its policies are on Kafka before a record names them."""
    here = await ground(settings, "judge", stack)
    edge = Edge(settings, here.vitals, stack)
    judges = {
        name: new_judge(task, await edge.ports(task, task.judge.endpoint)) if task.judge else None
        for name, task in here.tasks.items()
    }
    oversight = await oversight_of(here, edge)
    book = await policies_of(here)
    benches = {}
    for name, task in here.tasks.items():
        judge = judges[name]
        if judge is not None:
            await prepare(here, oversight, task, judge)
        policy = partial(_version_in_force, book, task.identity, task.first_policy)
        benches[name] = Bench(judge, policy)
    stage = JudgeStage(here.topics, benches, settings.delivery.attempts)
    bury = Bury(here.topics.dead_letters, "judge", identify, time.time)
    follow = (here.topics.verdicts, here.topics.dead_letters)
    limit = edge.concurrency if edge.clients else WINDOW
    plan = plan_of(here, stage.handle, bury, follow, limit)
    running = await windowed(here, here.topics.annotations, plan)
    return [*running, oversight.watch(), book.watch(), breaker_watched(edge)]


def _version_in_force(book: PolicyBook, task: Version, first: Policy) -> Version:
    return book.in_force(task, first).version
