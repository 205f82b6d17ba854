"""What every stage's process stands on: settings, tasks, the store and its own vitals."""

from collections.abc import Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from models.errors import ConfigurationError
from models.settings import Settings
from models.task import Task
from models.task_file import load_tasks
from streams.delivery.dead_letter_limit import DeadLetterLimit
from streams.delivery.provision import check_topics
from streams.delivery.starts import check_start
from streams.intake import SampleForm
from streams.process.vitals import Vitals
from streams.store.client import AsyncStore, connect
from streams.topics import Stage, Topics

Running = Sequence[Coroutine[Any, Any, Any]]
"""What runs until the process ends; the first to end, ends it."""


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

    @property
    def letters(self) -> DeadLetterLimit:
        """A new count of dead letters; an evaluation ends by itself and is never stopped by it."""
        delivery = self.settings.delivery
        share = 1.0 if self.settings.trial else delivery.dead_letter_share
        return DeadLetterLimit(share, delivery.dead_letter_window)


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
    await check_topics(settings)
    await check_start(settings, stage)
    vitals = Vitals(stage, settings.slot)
    return Ground(settings, stage, topics, tasks, store, vitals, stack)
