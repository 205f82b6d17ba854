"""The policies in force, for the stages that work by them: known at the start, followed after."""

import logging
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from agents.annotate.annotator import Annotator
from agents.llm.ask import Ports
from models.errors import ConfigurationError
from models.policy import Policy
from models.task import Task
from streams.assembly.asking import prepare
from streams.assembly.ground import Ground
from streams.oversight import Oversight
from streams.policies import PolicyBook
from streams.stages.annotate import Annotates, Bench
from streams.store import policies

log = logging.getLogger("tidegauge")


async def policies_of(here: Ground) -> PolicyBook:
    """The deployment's policies; each task's first one is on Kafka before a record names it.

    What the store remembers to be in force, and a broker that began anew does not know, is said
    there again. An evaluation's own stages work by what the task file says.

    Raises:
        BrokerUnavailable: the broker does not take them.
        StoreUnavailable: the store does not answer.
    """
    book = PolicyBook(here.settings)
    await book.publish(task.first_policy for task in here.tasks.values())
    for task in here.tasks.values():
        version = task.identity
        book.in_force(version, task.first_policy)
        if here.settings.trial or book.said(version):
            continue
        if (said := await policies.last_in_force(here.store, version)) is not None:
            await book.use(said)
    return book


@dataclass
class Corrected:
    """Annotators that work by the corrections of the policies in force.

    Attributes:
        benches: the stage's own; an annotator is replaced there, between two samples.
        standing: annotators without corrections, and the policy behind the present one.
    """

    here: Ground
    oversight: Oversight
    book: PolicyBook
    ports: Mapping[str, Ports]
    benches: dict[str, Bench]
    plain: dict[str, Annotates] = field(init=False)
    standing: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        """Remember the annotators that the task files ask for."""
        self.plain = {name: bench.annotator for name, bench in self.benches.items()}
        self.standing = {name: task.first_policy.version.hash for name, task in self._tasks.items()}

    @property
    def _tasks(self) -> Mapping[str, Task]:
        return self.here.tasks

    async def look(self) -> None:
        """Replace the annotators whose policy is another by now."""
        for name, task in self._tasks.items():
            now = self.book.in_force(task.identity, task.first_policy)
            if now.version.hash != self.standing[name]:
                self.benches[name] = Bench(task, await self._annotator(task, now.policy))
                self.standing[name] = now.version.hash
                log.info("task %s works by policy %s", name, now.version)

    async def _annotator(self, task: Task, policy: Policy) -> Annotates:
        """One that is shown the policy's corrections, if it has any and can be shown them."""
        if not policy.corrections:
            return self.plain[task.name]
        try:
            annotator = Annotator(task, self.ports[task.name], policy)
            await prepare(self.here, self.oversight, task, annotator)
        except ConfigurationError as exc:
            log.error("policy %s is worked by without its corrections: %s", policy.version, exc)
            return self.plain[task.name]
        return annotator

    def watch(self) -> list[Coroutine[Any, Any, None]]:
        """What follows the policies for ever."""
        return [self.book.watch(), self._follow()]

    async def _follow(self) -> None:
        while True:
            await self.book.changed.wait()
            self.book.changed.clear()
            await self.look()
