"""A whole instance on this machine: what `up`, `demo` and `evaluate` start and stop.

Order: broker, store and model side by side; tables and topics; the run file; one process for each
stage; the dashboard. Everything ends in the opposite order, whichever way the block is left.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from agents.llm.budget import check_priced
from models.errors import BrokerUnavailable, ConfigurationError
from models.settings import Settings
from models.task import Task
from streams.delivery.provision import ensure_topics
from streams.delivery.starts import fix_start
from streams.embedded.announce import LOOPBACK
from streams.embedded.child import Event, Happening
from streams.embedded.guards import Tell, losses_watched, metrics_served
from streams.embedded.lost import bury_lost
from streams.embedded.parts import (
    Wanted,
    dashboard,
    dashboard_port,
    desk_placed,
    foundation,
    idle_workers,
    many_workers,
    own_parts,
    resolved,
    reviewers,
)
from streams.embedded.run_file import (
    Addresses,
    load_by_path,
    next_incarnation,
    remove_run_file,
    write_run_file,
)
from streams.embedded.supervisor import Supervisor
from streams.store.client import connect_sync
from streams.store.schema import migrate

Done = TypeVar("Done")

_LOG_PREFIX = re.compile(r"^[0-9-]+ [0-9:,]+ [A-Z]+ \S+ ")


class BrokerDied(BrokerUnavailable):
    """The embedded broker ended, and what it held in memory with it."""


@dataclass
class Instance:
    """A running instance.

    Attributes:
        settings: with every address filled in.
        seconds: how long each part of the start took.
    """

    settings: Settings
    tasks: Mapping[Path, Task]
    addresses: Addresses
    seconds: dict[str, float]
    fate: "asyncio.Future[None]" = field(repr=False)

    async def during(self, work: Coroutine[Any, Any, Done]) -> Done:
        """What the work comes to, unless the instance fails before.

        Raises:
            BrokerDied: the embedded broker did.
            ConfigurationError: a process says that a person must mend something first.
        """
        task, failure = asyncio.create_task(work), asyncio.create_task(self.failure())
        try:
            await asyncio.wait([task, failure], return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                failure.result()
            return await task
        finally:
            for one in (task, failure):
                one.cancel()
            await asyncio.wait([task, failure])

    async def failure(self) -> None:
        """Never returns.

        Raises:
            BrokerDied: the embedded broker did.
            ConfigurationError: a process says that a person must mend something first.
        """
        await asyncio.shield(self.fate)


@asynccontextmanager
async def instance(settings: Settings, wanted: Wanted, tell: Tell) -> AsyncIterator[Instance]:
    """Start an instance in `settings.data`, which the caller owns; stop it at the end.

    `tell` gets a line for each thing that happens to a child.

    Raises:
        ConfigurationError: a task, an option or a setting is wrong.
        Unavailable: a given address does not answer.
    """
    tasks = served(settings)
    own = own_parts(settings, wanted)
    own.check_installed()
    seconds: dict[str, float] = {}
    fate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    settings = settings.model_copy(update={"data": settings.data.resolve(), "tasks": tuple(tasks)})
    async with AsyncExitStack() as stack:
        supervisor = Supervisor(settings.data / "logs", listener(tell, fate))
        await stack.enter_async_context(supervisor)
        with timed(seconds, "broker, store and model"):
            facts = await supervisor.start(*foundation(settings, wanted, own, tasks))
        number = next_incarnation(settings.data, datetime.now(UTC)) if own.broker else 0
        settings = _with_default(resolved(settings, wanted, facts, number), tasks)
        with timed(seconds, "topics and tables"):
            await _migrate(settings)
        if own.broker and own.clickhouse:
            await _say_what_was_lost(settings, tell)
        addresses, settings = await _start_rest(settings, wanted, (supervisor, stack, tell))
        write_run_file(settings, addresses, tasks)
        stack.callback(remove_run_file, settings.data)
        try:
            yield Instance(settings, tasks, addresses, seconds, fate)
        finally:
            fate.cancel()


def served(settings: Settings) -> dict[Path, Task]:
    """The tasks to serve, found right before anything is started.

    Raises:
        ConfigurationError: there is none, or one is wrong.
    """
    if not settings.tasks:
        raise ConfigurationError(
            "which task? --task FILE (or TIDEGAUGE_TASKS), such as --task examples/sms_spam.yaml"
        )
    tasks = load_by_path(settings.tasks)
    for task in tasks.values():
        check_priced(task)
    return tasks


@contextmanager
def timed(seconds: dict[str, float], part: str) -> Iterator[None]:
    """Note how long the block took."""
    began = time.monotonic()
    try:
        yield
    finally:
        seconds[part] = round(time.monotonic() - began, 2)


def _with_default(settings: Settings, tasks: Mapping[Path, Task]) -> Settings:
    first = next(iter(tasks.values())).name
    return settings.model_copy(update={"default_task": settings.default_task or first})


async def _migrate(settings: Settings) -> None:
    with closing(connect_sync(settings.clickhouse)) as store:
        await asyncio.to_thread(migrate, store)
    await ensure_topics(settings)
    await fix_start(settings)


async def _say_what_was_lost(settings: Settings, tell: Tell) -> None:
    with closing(connect_sync(settings.clickhouse)) as store:
        lost = await asyncio.to_thread(bury_lost, store, settings, datetime.now(UTC))
    if lost:
        tell(
            f"{lost:,} samples were lost with an earlier embedded broker; they are dead letters "
            "now, and `tidegauge dead-letters replay --all` sends them again"
        )


async def _start_rest(
    settings: Settings, wanted: Wanted, around: tuple[Supervisor, AsyncExitStack, Tell]
) -> tuple[Addresses, Settings]:
    supervisor, stack, tell = around
    metrics = stack.enter_context(metrics_served(settings))
    await stack.enter_async_context(losses_watched(settings, tell))
    port = dashboard_port(settings)
    url = f"http://{LOOPBACK}:{port}" if wanted.dashboard else ""
    settings = settings.model_copy(update={"dashboard_url": url})
    if "desk" in wanted.stages:
        settings = desk_placed(settings)
    if idle := idle_workers(settings, wanted.workers):
        tell(idle)
    await supervisor.start(
        *many_workers(settings, wanted.stages, wanted.workers, wanted.environment),
        *reviewers(settings, wanted.reviewers),
    )
    if wanted.dashboard:
        await supervisor.start(dashboard(settings, port))
    addresses = Addresses(
        kafka=settings.kafka.bootstrap,
        clickhouse=settings.clickhouse.url,
        model=settings.model.base_url,
        dashboard=url,
        metrics=metrics,
        desk=settings.desk_url if "desk" in wanted.stages else "",
    )
    return addresses, settings


def last_word(event: Event) -> str:
    """What a process said last, as far as it said anything."""
    return _LOG_PREFIX.sub("", event.last_lines[-1]) if event.last_lines else "no word why"


def listener(tell: Tell, fate: "asyncio.Future[None]") -> Callable[[Event], None]:
    """Tells of deaths, and fails `fate` at a wrong setting and the broker's end.

    A stage that gave up ends nothing else: the others go on, and what it left can be looked at.
    """

    def on_event(event: Event) -> None:
        if event.happening is Happening.GAVE_UP:
            tell(f"{event.name} gave up and is not started again: {last_word(event)}")
        elif event.happening in (Happening.DIED, Happening.MISCONFIGURED):
            tell(str(event))
        if fate.done():
            return
        if event.happening is Happening.MISCONFIGURED:
            error = ConfigurationError(f"{event.name} is misconfigured: {last_word(event)}")
            fate.set_exception(error)
        elif event.happening is Happening.DIED and event.name == "broker":
            fate.set_exception(BrokerDied("the embedded broker died"))

    return on_event
