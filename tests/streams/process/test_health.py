import asyncio
import logging
from datetime import UTC, date, datetime
from typing import Any

import pytest

from models.errors import StoreUnavailable
from models.rows import HealthRow, Row, SpendRow
from streams.process import health
from streams.process.health import Pulse, beat, beat_once, tell_spend
from streams.process.metrics import Published
from streams.process.vitals import Vitals

TODAY = date(2026, 3, 4)


class Store:
    """Keeps spend by the key its table has; can fail before or after it has stored."""

    def __init__(self) -> None:
        self.spend: dict[tuple[Any, ...], SpendRow] = {}
        self.health: list[HealthRow] = []
        self.fail = ""
        self.meanwhile: Any = lambda: None

    async def insert(self, rows: list[Row]) -> None:
        self.meanwhile()
        if self.fail == "before":
            raise StoreUnavailable("away")
        for row in rows:
            if isinstance(row, SpendRow):
                self.spend[(row.day, row.task, row.stage, row.session, row.number)] = row
            elif isinstance(row, HealthRow):
                self.health.append(row)
        if self.fail == "after":
            raise StoreUnavailable("answer lost")

    def total(self) -> float:
        return sum(row.usd for row in self.spend.values())


async def lag() -> int | None:
    return 7


class Heart:
    """Beats when it is told to: tells a store of vitals."""

    def __init__(self, store: Store, vitals: Vitals) -> None:
        self.store = store
        self.pulse, self.published = Pulse(vitals, lag, 0.01), Published(vitals)

    async def beat(self) -> None:
        await beat_once(self.store, self.pulse, self.published)


def spend(vitals: Vitals, task: str, usd: float, run: str = "", day: date = TODAY) -> None:
    spent = vitals.spent_on(task, run, day)
    spent.usd += usd
    spent.calls += 1


async def test_spend_is_booked_once_whatever_the_store_does() -> None:
    store, vitals = Store(), Vitals("annotate", "9")
    heart = Heart(store, vitals)
    spend(vitals, "b", 1.0)
    store.fail = "after"  # the row is there, its acknowledgement is lost
    with pytest.raises(StoreUnavailable):
        await heart.beat()
    spend(vitals, "a", 2.0)
    spend(vitals, "b", 4.0)
    store.fail = "before"
    with pytest.raises(StoreUnavailable):
        await heart.beat()
    store.fail = ""
    spend(vitals, "a", 8.0, run="r")
    await heart.beat()
    assert store.total() == 15.0
    await heart.beat()
    assert store.total() == 15.0
    assert vitals.unsettled == {}


async def test_what_is_spent_while_the_store_writes_is_booked_next() -> None:
    store, vitals = Store(), Vitals("annotate", "8")
    heart = Heart(store, vitals)
    spend(vitals, "a", 1.0)
    store.meanwhile = lambda: spend(vitals, "a", 2.0)
    await heart.beat()
    store.meanwhile = lambda: None
    await heart.beat()
    assert store.total() == sum(row.usd for row in store.spend.values())
    await heart.beat()
    assert store.total() == 5.0  # one before, one during each of the first beat's two inserts


async def test_a_health_row_tells_the_vitals() -> None:
    store, vitals = Store(), Vitals("judge", "7")
    vitals.received, vitals.note = 5, "waiting"
    vitals.latencies.extend(float(n) for n in range(100))
    await Heart(store, vitals).beat()
    (row,) = store.health
    assert (row.received, row.lag, row.note) == (5, 7, "waiting")
    assert (row.latency_p50_ms, row.latency_p99_ms) == (50.0, 99.0)
    assert row.at <= datetime.now(UTC)


async def test_spend_keeps_its_day_when_its_row_is_written_after_midnight() -> None:
    store, vitals = Store(), Vitals("annotate", "6")
    spend(vitals, "a", 1.0)
    store.fail = "after"
    await tell_spend(store, vitals)
    spend(vitals, "a", 2.0, day=date(2026, 3, 5))
    store.fail = ""
    await tell_spend(store, vitals)
    assert {row.day: row.usd for row in store.spend.values()} == {
        date(2026, 3, 4): 1.0,
        date(2026, 3, 5): 2.0,
    }
    assert vitals.settled == {("a", date(2026, 3, 4)): 1.0, ("a", date(2026, 3, 5)): 2.0}


async def test_a_cost_without_a_call_that_was_seen_is_booked_too() -> None:
    store, vitals = Store(), Vitals("annotate", "5")
    vitals.spent_on("a", "", TODAY).usd += 1.0
    store.meanwhile = lambda: setattr(vitals.unsettled["a", "", TODAY], "usd", 3.0)
    await health.write_spend(store, vitals)
    store.meanwhile = lambda: None
    await tell_spend(store, vitals)
    assert store.total() == 3.0
    assert vitals.unsettled == {}


async def test_a_store_that_is_down_at_the_end_costs_a_warning_with_the_amount(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, vitals = Store(), Vitals("annotate", "4")
    spend(vitals, "a", 1.25)
    store.fail = "before"
    with caplog.at_level(logging.WARNING):
        await tell_spend(store, vitals)
    assert "$1.2500" in caplog.text
    assert "away" in caplog.text

    async def hangs(rows: list[Row]) -> None:
        await asyncio.Event().wait()

    store.fail = ""
    monkeypatch.setattr(store, "insert", hangs)
    monkeypatch.setattr(health, "TELL_SECONDS", 0.01)
    caplog.clear()
    await tell_spend(store, vitals)
    assert "$1.2500" in caplog.text


async def test_much_spend_is_told_before_the_next_heartbeat(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(health, "LEAST_SECONDS", 0.01)
    store, vitals = Store(), Vitals("annotate", "7")
    beating = asyncio.create_task(beat(store, Pulse(vitals, lag, 3600)))
    spend(vitals, "t", 5.0)
    vitals.due.set()
    async with asyncio.timeout(10):
        while not store.health:  # noqa: ASYNC110 - the stand-in tells of nothing
            await asyncio.sleep(0.01)
    assert store.total() == 5.0
    assert not vitals.due.is_set()
    beating.cancel()
