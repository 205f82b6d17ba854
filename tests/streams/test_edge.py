"""Budget, vitals, heartbeat and store together: what is spent is counted once, and all of it."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from agents.llm.ask import Ports, ask
from agents.llm.requests import Answer, ChatRequest, CompletionRequest, Payer
from models.annotation import Usage
from models.errors import BudgetExhausted, ModelTimeout
from models.rows import Action, Row, SpendRow
from models.settings import Settings
from models.task import Price
from models.task_file import parse_task
from streams.assembly.asking import others_spent
from streams.edge import Edge
from streams.oversight import Oversight
from streams.process.health import write_spend
from streams.process.vitals import Vitals
from streams.store.client import AsyncStore
from tests.scripted_bench import VIEW_TASK, Clock

CAP = 1.0
PRICED = parse_task(VIEW_TASK.replace("unpriced: allow", "unpriced: allow, daily_usd: 1"), "t.yaml")
REQUEST = CompletionRequest("m", "prompt", Payer(PRICED.name, "", Price(input=0, output=2000)))
"""Costs at most $0.002: one output token."""


class Store:
    """The spend table, and what others wrote there."""

    def __init__(self) -> None:
        self.rows: dict[tuple[Any, ...], SpendRow] = {}
        self.others = 0.0

    async def insert(self, rows: list[Row]) -> None:
        for row in rows:
            assert isinstance(row, SpendRow)
            self.rows[(row.day, row.task, row.stage, row.session, row.number)] = row

    async def query(self, sql: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [{"task": PRICED.name, "spent": self.others + self.total(parameters["day"])}]

    def total(self, day: Any) -> float:
        return sum(row.usd for row in self.rows.values() if row.day == day)


class Model:
    """Answers with the price it is given, or runs into the deadline."""

    model = "m"
    deadline = 10.0

    def __init__(self, price: float | None) -> None:
        self.price = price
        self.late = False

    async def next_token(self, request: CompletionRequest) -> Answer:
        if self.late:
            raise ModelTimeout("late")
        return Answer("m", "x", Usage(calls=1), latency_ms=1.0, price_usd=self.price)

    async def complete_json(self, request: ChatRequest) -> Answer:
        raise AssertionError("not asked here")


class Rig:
    """A stage's edge on a store, moved through time by hand."""

    def __init__(self, edge: Edge, ports: Ports, store: Store, clock: Clock) -> None:
        self.edge, self.ports, self.store, self.clock = edge, ports, store, clock
        spent = partial(others_spent, cast("AsyncStore", store), edge.vitals)
        self.oversight = Oversight(_no_controls, spent, edge.budgets)

    async def calls_until_the_cap(self, most: int) -> int:
        """Two calls a second, a heartbeat every ten seconds, a look at the store every two."""
        for call in range(most):
            self.clock.seconds += 0.5
            if call % 20 == 0:
                await write_spend(self.store, self.edge.vitals)
            if call % 4 == 0:
                await self.look()
            try:
                await ask(REQUEST, self.ports)
            except BudgetExhausted:
                return call
            except ModelTimeout:
                continue
        return most

    async def look(self) -> None:
        """What `Oversight.look` does, at this rig's time."""
        moment = datetime.fromtimestamp(self.clock.seconds, UTC)
        for task, usd in (await self.oversight.spent(moment)).items():
            self.edge.budgets[task].observe(usd, self.clock.seconds)


async def _no_controls() -> Mapping[str, Action]:
    return {}


async def rig_of(stack: AsyncExitStack, folder: Path, model: Model) -> Rig:
    clock = Clock(3600.0)
    edge = Edge(Settings(data=folder), Vitals("annotate", "3"), stack)
    ports = await edge.ports(PRICED, "default")
    return Rig(edge, replace(ports, model=model, now=clock), Store(), clock)


@pytest.mark.parametrize("late", [False, True])
async def test_the_cap_is_reached_though_calls_bring_no_usage(tmp_path: Path, late: bool) -> None:
    async with AsyncExitStack() as stack:
        model = Model(price=None)
        model.late = late
        rig = await rig_of(stack, tmp_path, model)
        assert await rig.calls_until_the_cap(1000) == pytest.approx(500, abs=1)
        await write_spend(rig.store, rig.edge.vitals)
        assert sum(row.usd for row in rig.store.rows.values()) == pytest.approx(CAP, rel=0.005)
        assert rig.edge.vitals.spend_usd == pytest.approx(CAP, rel=0.005)


async def test_steady_traffic_is_let_through_up_to_the_cap(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        rig = await rig_of(stack, tmp_path, Model(price=0.001))
        calls = await rig.calls_until_the_cap(2000)
        assert 0.98 * CAP <= calls * 0.001 <= CAP


async def test_what_others_spent_counts_and_a_new_life_knows_of_the_old_one(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        first = await rig_of(stack, tmp_path, Model(price=0.001))
        first.store.others = 0.5
        assert await first.calls_until_the_cap(200) == 200
        await write_spend(first.store, first.edge.vitals)
        again = await rig_of(stack, tmp_path, Model(price=0.001))
        second = Rig(again.edge, again.ports, first.store, again.clock)
        assert 0.98 * 300 <= await second.calls_until_the_cap(1000) <= 300


async def test_own_rows_are_not_taken_for_those_of_others(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        rig = await rig_of(stack, tmp_path, Model(price=0.001))
        for _ in range(3):
            await ask(REQUEST, rig.ports)
            await write_spend(rig.store, rig.edge.vitals)
            await rig.look()
        assert rig.ports.budget.spent == pytest.approx(0.003)


async def test_spend_on_both_sides_of_midnight_goes_to_its_own_day(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        rig = await rig_of(stack, tmp_path, Model(price=0.001))
        rig.clock.seconds = 86_399.0
        await ask(REQUEST, rig.ports)
        rig.clock.seconds = 86_401.0
        await ask(REQUEST, rig.ports)
        await write_spend(rig.store, rig.edge.vitals)
        await rig.look()
        assert sorted((str(row.day), row.usd) for row in rig.store.rows.values()) == [
            ("1970-01-01", 0.001),
            ("1970-01-02", 0.001),
        ]
        assert rig.ports.budget.spent == pytest.approx(0.001)


async def test_spend_of_a_hundredth_of_the_cap_is_due_to_be_told(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        rig = await rig_of(stack, tmp_path, Model(price=0.001))
        for _ in range(9):
            await ask(REQUEST, rig.ports)
        assert not rig.edge.vitals.due.is_set()
        await ask(REQUEST, rig.ports)
        await ask(REQUEST, rig.ports)
        assert rig.edge.vitals.due.is_set()
