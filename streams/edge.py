"""The model edge of a stage: endpoints, budgets and caches for all tasks it serves."""

import secrets
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import inf

from agents.llm.ask import Ports
from agents.llm.budget import Budget, check_priced
from agents.llm.cache import AnswerCache
from agents.llm.client import ModelClient
from agents.llm.requests import Observation, Payment
from models.settings import Settings
from models.task import Task
from streams.process.metrics import LATENCY
from streams.process.vitals import Vitals

TELL_SHARE = 0.01
"""Of a day's cap: so much spend is told to the store at once, not at the next heartbeat."""

_FAILED = frozenset({"timeout", "bad", "refused", "unavailable", "limited"})


@dataclass
class Edge:
    """Everything that costs money in one process.

    Attributes:
        budgets: one for each task, told by the store what all other processes spent.
        clients: one for each endpoint, shared by the tasks that name it.
        caps: the dollars each task may spend in a day, none for no cap.
    """

    settings: Settings
    vitals: Vitals
    stack: AsyncExitStack
    budgets: dict[str, Budget] = field(default_factory=dict)
    clients: dict[str, ModelClient] = field(default_factory=dict)
    caps: dict[str, float | None] = field(default_factory=dict)
    salt: str = field(default_factory=lambda: secrets.token_hex(16))

    async def ports(self, task: Task, endpoint: str) -> Ports:
        """What an annotator or judge of this task needs of the world.

        Raises:
            ConfigurationError: the endpoint is not set, or a model of the task has no price.
        """
        check_priced(task)
        client = await self._client(endpoint)
        self.caps[task.name] = task.spend.daily_usd
        budget = self.budgets.setdefault(task.name, Budget(task.spend.daily_usd))
        return Ports(
            model=client,
            budget=budget,
            cache=AnswerCache(task.cache_seconds, time.monotonic),
            clock=time.monotonic,
            now=time.time,
            salt=self.salt,
            pay=self.pay,
        )

    async def _client(self, name: str) -> ModelClient:
        if name not in self.clients:
            endpoint = self.settings.endpoint(name)
            client = ModelClient(endpoint, time.monotonic, self.observe)
            self.clients[name] = await self.stack.enter_async_context(client)
        return self.clients[name]

    def observe(self, seen: Observation) -> None:
        """Count one call as it ended, its cost left out."""
        vitals, usage = self.vitals, seen.usage
        vitals.calls += 1
        if seen.outcome in _FAILED:
            vitals.errors += 1
        if seen.outcome == "answered":
            vitals.latencies.append(seen.seconds * 1000)
            LATENCY.labels(vitals.stage, vitals.slot).observe(seen.seconds)
        spent = vitals.spent_on(seen.payer.task, seen.payer.run, datetime.now(UTC).date())
        spent.calls += 1
        spent.input_tokens += usage.input_tokens or 0
        spent.output_tokens += usage.output_tokens or 0

    def pay(self, payment: Payment) -> None:
        """Put down what one call cost, on the day its budget counted it."""
        day = datetime.fromtimestamp(payment.at, UTC).date()
        task = payment.payer.task
        spent = self.vitals.spent_on(task, payment.payer.run, day)
        spent.usd += payment.usd
        self.vitals.spend_usd += payment.usd
        if spent.usd >= TELL_SHARE * (self.caps.get(task) or inf):
            self.vitals.due.set()

    @property
    def concurrency(self) -> int:
        """Calls that the busiest endpoint takes at once."""
        return max(self.settings.endpoint(name).concurrency for name in self.clients)


def breaker_states(clients: Mapping[str, ModelClient]) -> str:
    """The worst breaker among the clients: closed, half-open or open."""
    states = {client.breaker.state for client in clients.values()}
    return next((name for name in ("open", "half_open") if name in states), "closed")
