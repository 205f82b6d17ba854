"""What people and the store say while a stage runs: run, pause or stop, and what was spent today.

Both are asked for every two seconds. While the store is down the last answer holds.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

from agents.llm.budget import Budget
from models.errors import Unavailable
from models.rows import Action
from streams.store.outages import Outages

log = logging.getLogger(__name__)

SECONDS = 2.0


class Oversight:
    """The latest word on each task."""

    def __init__(
        self,
        controls: Callable[[], Awaitable[Mapping[str, Action]]],
        spent: Callable[[datetime], Awaitable[Mapping[str, float]]],
        budgets: Mapping[str, Budget],
    ) -> None:
        """Bind to the store's two questions and to the budgets that the answers go to."""
        self.controls = controls
        self.spent = spent
        self.budgets = budgets
        self.actions: Mapping[str, Action] = {}

    def action(self, task: str) -> Action:
        """Whether a task runs, pauses or is stopped."""
        return self.actions.get(task, "run")

    async def look(self) -> None:
        """Ask once.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        now = datetime.now(UTC)
        self.actions = await self.controls()
        spent = await self.spent(now)
        for task, budget in self.budgets.items():
            budget.observe(spent.get(task, 0.0), now.timestamp())

    async def watch(self) -> None:
        """Ask for ever."""
        outages = Outages(log, "the last controls and spend hold")
        while True:
            await asyncio.sleep(SECONDS)
            try:
                await self.look()
            except Unavailable as exc:
                outages.met(exc)
            else:
                outages.over()
