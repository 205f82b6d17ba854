"""The annotate stage's process."""

import time
from contextlib import AsyncExitStack
from functools import partial

from agents.annotate.annotator import Annotator
from models.settings import Settings
from streams.assembly.asking import breaker_watched, oversight_of, prepare
from streams.assembly.ground import Running, ground
from streams.assembly.policies import Corrected, policies_of
from streams.assembly.windowed import plan_of, windowed
from streams.delivery.dead_letters import Bury
from streams.edge import Edge
from streams.stages.annotate import AnnotateStage, Bench, identify


async def start(settings: Settings, stack: AsyncExitStack) -> Running:
    """The annotate stage, ready to run."""
    here = await ground(settings, "annotate", stack)
    edge = Edge(settings, here.vitals, stack)
    ports = {
        name: await edge.ports(task, task.annotator.endpoint) for name, task in here.tasks.items()
    }
    annotators = [Annotator(task, ports[name]) for name, task in here.tasks.items()]
    oversight = await oversight_of(here, edge)
    for annotator in annotators:
        await prepare(here, oversight, annotator.task, annotator)
    benches = {each.task.name: Bench(each.task, each) for each in annotators}
    corrected = Corrected(here, oversight, await policies_of(here), ports, benches)
    await corrected.look()
    stage = AnnotateStage(
        here.topics, benches, here.form, oversight.action, settings.delivery.attempts
    )
    bury = Bury(here.topics.dead_letters, "annotate", partial(identify, here.form), time.time)
    follow = (here.topics.annotations, here.topics.dead_letters)
    plan = plan_of(here, stage.handle, bury, follow, edge.concurrency)
    running = await windowed(here, here.topics.samples, plan)
    return [*running, oversight.watch(), *corrected.watch(), breaker_watched(edge)]
