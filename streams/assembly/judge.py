"""The judge stage's process."""

import time
from contextlib import AsyncExitStack

from agents.judge.judge import new_judge
from models.settings import Settings
from streams.assembly.asking import breaker_watched, oversight_of, prepare
from streams.assembly.ground import Running, ground
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
    benches = {}
    for name, task in here.tasks.items():
        judge = judges[name]
        if judge is not None:
            await prepare(here, oversight, task, judge)
        benches[name] = Bench(judge, task.first_policy)
    await PolicyBook(settings).publish(bench.policy for bench in benches.values())
    stage = JudgeStage(here.topics, benches, settings.delivery.attempts)
    bury = Bury(here.topics.dead_letters, "judge", identify, time.time)
    follow = (here.topics.verdicts, here.topics.dead_letters)
    limit = edge.concurrency if edge.clients else WINDOW
    plan = plan_of(here, stage.handle, bury, follow, limit)
    running = await windowed(here, here.topics.annotations, plan)
    return [*running, oversight.watch(), breaker_watched(edge)]
