"""What annotate and judge share: versions and calibrators ready, spend and controls watched."""

import asyncio
import logging
from functools import partial
from typing import Protocol

from agents.annotate.views import Load, Save
from models.errors import ModelTimeout, ModelUnavailable
from models.record import Version
from models.task import Task
from streams.assembly.ground import Ground
from streams.edge import Edge, breaker_states
from streams.oversight import Oversight
from streams.store import calibrators, controls, spend, versions

log = logging.getLogger("tidegauge")


class Prepared(Protocol):
    """An annotator or a judge before its first sample."""

    @property
    def version(self) -> Version:
        """Name and content hash."""

    async def prepare(self, load: Load, save: Save) -> None:
        """Load the calibrator, or fit and save it."""


async def prepare(here: Ground, task: Task, asks: Prepared) -> None:
    """Register the version, and have its calibrator loaded or fitted."""
    if not here.settings.trial:
        await versions.register(here.store, here.stage, asks.version, task)
    load = partial(calibrators.load, here.store)
    save = partial(calibrators.save, here.store, task.name)
    while True:
        try:
            await asks.prepare(load, save)
        except (ModelUnavailable, ModelTimeout) as exc:
            log.warning("task %s waits for its model: %s", task.name, exc)
            await asyncio.sleep(getattr(exc, "retry_after", 1.0))
        else:
            return


async def oversight_of(here: Ground, edge: Edge) -> Oversight:
    """The watch over a stage's spend and controls; it has looked once.

    Raises:
        StoreUnavailable: the store does not answer.
    """
    oversight = Oversight(
        partial(controls.latest, here.store), partial(spend.today, here.store), edge.budgets
    )
    await oversight.look()
    return oversight


async def breaker_watched(edge: Edge) -> None:
    """Keep the vitals told of the breakers' state."""
    while True:
        edge.vitals.breaker = breaker_states(edge.clients)
        await asyncio.sleep(1)
