"""What each stage's process is made of: the one place where the parts are put together."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

from agents.annotate.annotator import Annotator
from agents.judge.judge import Judge, new_judge
from models.errors import BrokerUnavailable, ConfigurationError
from models.settings import Settings
from models.task import Task
from models.task_file import load_tasks
from streams import app as faust_app
from streams.delivery import batches
from streams.delivery.batches import Pace, Work, run_batches
from streams.delivery.dead_letters import Bury
from streams.delivery.kafka import check_topics, group_of, new_consumer, new_producer, reach
from streams.delivery.records import Output
from streams.delivery.window import Handle, Plan
from streams.edge import Edge, breaker_states
from streams.health import Pulse, beat
from streams.intake import SampleForm
from streams.oversight import Oversight
from streams.policies import PolicyBook
from streams.stages.annotate import AnnotateStage, Desk
from streams.stages.annotate import identify as identify_sample
from streams.stages.drift import DriftStage, Snapshots
from streams.stages.judge import Bench, JudgeStage, identify
from streams.stages.route import RouteStage
from streams.stages.sink import SinkStage
from streams.store import calibrators, controls, snapshots, spend, versions
from streams.store.client import AsyncStore, connect
from streams.topics import Stage, Topics
from streams.vitals import Vitals

log = logging.getLogger("tidegauge")

Running = Sequence[Coroutine[Any, Any, Any]]
"""What runs until the process ends; the first to end, ends it."""

ROUTE_WINDOW = 256


@dataclass(frozen=True)
class Ground:
    """What every stage stands on."""

    settings: Settings
    stage: Stage
    topics: Topics
    tasks: Mapping[str, Task]
    store: AsyncStore
    vitals: Vitals
    stack: AsyncExitStack

    @property
    def form(self) -> SampleForm:
        """How `samples` is read here."""
        default = self.settings.default_task or next(iter(self.tasks))
        return SampleForm(self.settings.kafka.fields, default)


async def ground(settings: Settings, stage: Stage, stack: AsyncExitStack) -> Ground:
    """Load the tasks, reach the store, and see that the topics are there.

    Raises:
        ConfigurationError: no task, a mistake in one, or a topic that is missing.
        Unavailable: broker or store do not answer.
    """
    tasks = load_tasks(settings.tasks)
    if not tasks:
        raise ConfigurationError("no task: set TIDEGAUGE_TASKS to one or more task files")
    if settings.default_task and settings.default_task not in tasks:
        known = ", ".join(tasks)
        raise ConfigurationError(
            f"TIDEGAUGE_DEFAULT_TASK: no task {settings.default_task!r}; served: {known}"
        )
    topics = Topics.of(settings.kafka)
    store = await connect(settings.clickhouse)
    stack.push_async_callback(store.aclose)
    await check_topics(settings, topics.keyed_by_sample)
    vitals = Vitals(stage, settings.slot)
    return Ground(settings, stage, topics, tasks, store, vitals, stack)


async def start_annotate(settings: Settings, stack: AsyncExitStack) -> Running:
    """The annotate stage, ready to run."""
    here = await ground(settings, "annotate", stack)
    edge = Edge(settings, here.vitals, stack)
    desks = {}
    for task in here.tasks.values():
        annotator = Annotator(task, await edge.ports(task, task.annotator.endpoint))
        await _prepare(here, task, annotator)
        desks[task.name] = Desk(task, annotator)
    oversight = await _oversight(here, edge)
    stage = AnnotateStage(
        here.topics, desks, here.form, oversight.action, settings.delivery.attempts
    )
    bury = Bury(
        here.topics.dead_letters, "annotate", partial(identify_sample, here.form), time.time
    )
    follow = (here.topics.annotations, here.topics.dead_letters)
    plan = _plan(here, stage.handle, bury, follow, edge.concurrency)
    running = await _windowed(here, here.topics.samples, plan)
    return [*running, oversight.watch(), _breaker(edge)]


async def start_judge(settings: Settings, stack: AsyncExitStack) -> Running:
    """The judge stage, ready to run; its policies are on Kafka before a record names them."""
    here = await ground(settings, "judge", stack)
    edge = Edge(settings, here.vitals, stack)
    benches = {}
    for task in here.tasks.values():
        judge = None
        if task.judge is not None:
            judge = new_judge(task, await edge.ports(task, task.judge.endpoint))
        if judge is not None:
            await _prepare(here, task, judge)
        benches[task.name] = Bench(judge, task.first_policy)
    await PolicyBook(settings).publish(bench.policy for bench in benches.values())
    oversight = await _oversight(here, edge)
    stage = JudgeStage(here.topics, benches, settings.delivery.attempts)
    bury = Bury(here.topics.dead_letters, "judge", identify, time.time)
    follow = (here.topics.verdicts, here.topics.dead_letters)
    limit = edge.concurrency if edge.clients else ROUTE_WINDOW
    plan = _plan(here, stage.handle, bury, follow, limit)
    running = await _windowed(here, here.topics.annotations, plan)
    return [*running, oversight.watch(), _breaker(edge)]


async def start_route(settings: Settings, stack: AsyncExitStack) -> Running:
    """The route stage, ready to run."""
    here = await ground(settings, "route", stack)
    stage = RouteStage(here.topics, PolicyBook(settings).find)
    bury = Bury(here.topics.dead_letters, "route", identify, time.time)
    follow = (here.topics.results, here.topics.dead_letters)
    plan = _plan(here, stage.handle, bury, follow, ROUTE_WINDOW)
    return await _windowed(here, here.topics.verdicts, plan)


async def start_drift(settings: Settings, stack: AsyncExitStack) -> Running:
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
    stage = DriftStage(here.topics, here.tasks, kept, send, bury)
    return _batched(here, (here.topics.readings,), stage.work)


async def start_sink(settings: Settings, stack: AsyncExitStack) -> Running:
    """The sink, ready to run."""
    here = await ground(settings, "sink", stack)
    stage = SinkStage(here.store, here.topics, here.form, here.vitals)
    return _batched(here, stage.topics_read, stage.work)


STARTERS: dict[str, Callable[[Settings, AsyncExitStack], Awaitable[Running]]] = {
    "annotate": start_annotate,
    "judge": start_judge,
    "route": start_route,
    "drift": start_drift,
    "sink": start_sink,
}


async def _prepare(here: Ground, task: Task, asks: Annotator | Judge) -> None:
    """Register the version, and have its calibrator loaded or fitted."""
    await versions.register(here.store, here.stage, asks.version, task)
    await asks.prepare(
        partial(calibrators.load, here.store), partial(calibrators.save, here.store, task.name)
    )


async def _oversight(here: Ground, edge: Edge) -> Oversight:
    oversight = Oversight(
        partial(controls.latest, here.store), partial(spend.today, here.store), edge.budgets
    )
    await oversight.look()
    return oversight


async def _breaker(edge: Edge) -> None:
    while True:
        edge.vitals.breaker = breaker_states(edge.clients)
        await asyncio.sleep(1)


def _plan(here: Ground, handle: Handle, bury: Bury, follow: tuple[str, ...], limit: int) -> Plan:
    delivery = here.settings.delivery
    return Plan(
        handle=handle,
        bury=bury,
        follow=follow,
        reader=partial(new_consumer, here.settings, None),
        incarnation=here.settings.kafka.incarnation,
        limit=limit,
        span=delivery.span,
        tail=delivery.tail,
        attempts=delivery.attempts,
    )


async def _windowed(here: Ground, topic: str, plan: Plan) -> list[Coroutine[Any, Any, Any]]:
    """Start a Faust app around a plan; it is stopped with the stack."""
    source = faust_app.Source(here.stage, topic)
    app = faust_app.create_app(here.settings, source, plan, here.vitals)
    await app.start()
    here.stack.push_async_callback(app.stop)
    pulse = Pulse(
        here.vitals, partial(faust_app.lag_of, app), here.settings.delivery.health_seconds
    )
    return [_until_stopped(app), beat(here.store, pulse)]


async def _until_stopped(app: Any) -> None:
    await app.wait_until_stopped()
    if app.crash_reason is not None:
        raise app.crash_reason


def _batched(here: Ground, topics: Sequence[str], work: Work) -> Running:
    kafka, delivery = here.settings.kafka, here.settings.delivery
    slot = f"{here.stage}-{here.settings.slot}"
    group = group_of(kafka, here.stage)
    consumer = new_consumer(here.settings, group, group_instance_id=slot)
    pace = Pace(delivery.batch_rows, delivery.batch_ms, kafka.incarnation)
    pulse = Pulse(here.vitals, partial(batches.lag_of, consumer), delivery.health_seconds)
    return [
        _named(run_batches(consumer, topics, work, pace, here.vitals), here),
        beat(here.store, pulse),
    ]


async def _named(running: Coroutine[Any, Any, None], here: Ground) -> None:
    try:
        await running
    except ConnectionError as exc:
        raise BrokerUnavailable(f"Kafka at {here.settings.kafka.bootstrap}: {exc}") from exc
