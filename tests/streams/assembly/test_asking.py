"""A stage that calls models, before its first sample: what fitting costs is within the cap."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from agents.llm.budget import Budget
from models.errors import BudgetExhausted, ModelUnavailable
from models.record import Version
from models.rows import Row, SpendRow
from streams.assembly import asking
from streams.assembly.asking import oversight_of, prepare
from streams.edge import Edge
from streams.process.vitals import Vitals
from streams.store.client import AsyncStore
from tests.scripted_bench import view_task

TASK = view_task()


class Store:
    """Answers what was spent, one answer after another, and takes spend rows."""

    def __init__(self, *spent: float) -> None:
        self.spent = list(spent)
        self.told = 0.0

    async def insert(self, rows: list[Row]) -> None:
        self.told += sum(row.usd for row in rows if isinstance(row, SpendRow))

    async def query(
        self, sql: str, parameters: Mapping[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        if "FROM spend" not in sql:
            return []
        spent = self.spent.pop(0) if len(self.spent) > 1 else self.spent[0]
        return [{"task": TASK.name, "spent": spent}]


class Fitted:
    """An annotator whose calibrator costs one dollar of a budget."""

    version = Version(name="a", hash="h")

    def __init__(self, budget: Budget, vitals: Vitals, *errors: Exception) -> None:
        self.budget, self.vitals, self.errors = budget, vitals, list(errors)
        self.fitted = self.tries = 0

    async def prepare(self, load: Any, save: Any) -> None:
        self.tries += 1
        assert self.tries <= 3, "nothing has changed since the last try"
        now = datetime.now(UTC)
        reservation = self.budget.reserve(1.0, now.timestamp())
        self.budget.settle(reservation, 1.0, now.timestamp())
        self.vitals.spent_on(TASK.name, "", now.date()).usd += 1.0
        if self.errors:
            raise self.errors.pop(0)
        self.fitted += 1


def ground_on(store: Store, vitals: Vitals) -> Any:
    settings = SimpleNamespace(trial=True)
    return SimpleNamespace(store=store, vitals=vitals, stage="annotate", settings=settings)


def edge_with(budget: Budget) -> Edge:
    return cast("Edge", SimpleNamespace(budgets={TASK.name: budget}))


async def test_what_was_spent_today_is_known_before_a_calibrator_is_fitted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store, vitals, budget = Store(9.5, 9.5, 0.0), Vitals("annotate", "0"), Budget(10.0)
    here, edge = ground_on(store, vitals), edge_with(budget)
    monkeypatch.setattr(asking, "BUDGET_SECONDS", 0.0)
    asks = Fitted(budget, vitals)
    oversight = await oversight_of(here, edge)
    with pytest.raises(BudgetExhausted):
        budget.reserve(1.0, datetime.now(UTC).timestamp())
    await prepare(here, oversight, TASK, asks)
    assert caplog.text.count("waits to be calibrated") == 1
    assert (asks.fitted, store.told) == (1, 1.0)


async def test_a_fit_that_failed_is_in_the_books() -> None:
    store, vitals, budget = Store(0.0), Vitals("annotate", "0"), Budget(10.0)
    here, edge = ground_on(store, vitals), edge_with(budget)
    asks = Fitted(budget, vitals, ModelUnavailable("down", 0.0), ValueError("a bug"))
    oversight = await oversight_of(here, edge)
    with pytest.raises(ValueError, match="a bug"):
        await prepare(here, oversight, TASK, asks)
    assert (asks.fitted, store.told) == (0, 2.0)


async def test_what_the_store_acknowledged_before_it_was_asked_is_not_of_others() -> None:
    store, vitals = Store(3.0), Vitals("annotate", "0")
    day = date(2026, 3, 4)
    vitals.settled = {(TASK.name, day): 2.0, (TASK.name, date(2026, 3, 3)): 50.0}
    noon = datetime(2026, 3, 4, 12, tzinfo=UTC)
    asked = cast("AsyncStore", store)
    assert await asking.others_spent(asked, vitals, noon) == {TASK.name: 1.0}
    store.spent = [1.0]  # rows were lost: own spend is never taken off what others spent
    assert await asking.others_spent(asked, vitals, noon) == {TASK.name: 0.0}
