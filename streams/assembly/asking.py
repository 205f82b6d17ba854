"""What annotate and judge share: versions and calibrators ready, spend and controls watched."""

import asyncio
import logging
from collections.abc import Coroutine
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol

from agents.annotate.views import Load, Save
from models.errors import BudgetExhausted, ModelTimeout, ModelUnavailable
from models.record import Version
from models.task import Task
from streams.assembly.ground import Ground
from streams.edge import Edge, breaker_states
from streams.oversight import Oversight
from streams.process.health import tell_spend
from streams.process.vitals import Vitals
from streams.store import calibrators, controls, spend, versions
from streams.store.client import AsyncStore

log = logging.getLogger("tidegauge")

BUDGET_SECONDS = 60.0
"""How long a calibrator that does not fit in the day's budget waits to be tried again."""


class Prepared(Protocol):
    """An annotator or a judge before its first sample."""

    @property
    def version(self) -> Version:
        """Name and content hash."""

    async def prepare(self, load: Load, save: Save) -> None:
        """Load the calibrator, or fit and save it."""


async def prepare(here: Ground, oversight: Oversight, task: Task, asks: Prepared) -> None:
    """Register the version, and have its calibrator loaded or fitted, within the day's budget.

    Raises:
        StoreUnavailable: the store does not answer.
    """
    if not here.settings.trial:
        await versions.register(here.store, here.stage, asks.version, task)
    load = partial(calibrators.load, here.store)
    save = partial(calibrators.save, here.store, task.name)
    while True:
        await oversight.look()
        try:
            await _told(here, asks.prepare(load, save))
        except (ModelUnavailable, ModelTimeout) as exc:
            log.warning("task %s waits for its model: %s", task.name, exc)
            await asyncio.sleep(getattr(exc, "retry_after", 1.0))
        except BudgetExhausted as exc:
            log.warning("task %s waits to be calibrated: %s", task.name, exc)
            await asyncio.sleep(BUDGET_SECONDS)
        else:
            return


async def _told(here: Ground, preparing: Coroutine[Any, Any, None]) -> None:
    """Prepare, and tell the store what that cost: no heart beats yet."""
    try:
        await preparing
    finally:
        await tell_spend(here.store, here.vitals)


async def oversight_of(here: Ground, edge: Edge) -> Oversight:
    """The watch over a stage's spend and controls; it has looked once.

    Raises:
        StoreUnavailable: the store does not answer.
    """
    spent = partial(others_spent, here.store, here.vitals)
    oversight = Oversight(partial(controls.latest, here.store), spent, edge.budgets)
    await oversight.look()
    return oversight


async def others_spent(store: AsyncStore, vitals: Vitals, moment: datetime) -> dict[str, float]:
    """US dollars that all but this process spent on each task in the UTC day of a moment.

    The answer holds whatever of this process the store acknowledged before it was asked, so that
    is taken off. Rows that arrive meanwhile count as others' too: once, until the next question.

    Raises:
        StoreUnavailable: the store does not answer.
    """
    day = moment.astimezone(UTC).date()
    own = dict(vitals.settled)
    total = await spend.today(store, moment)
    return {task: max(0.0, usd - own.get((task, day), 0.0)) for task, usd in total.items()}


async def breaker_watched(edge: Edge) -> None:
    """Keep the vitals told of the breakers' state."""
    while True:
        edge.vitals.breaker = breaker_states(edge.clients)
        await asyncio.sleep(1)
