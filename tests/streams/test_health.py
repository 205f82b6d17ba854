from datetime import UTC, datetime
from typing import Any

from models.errors import StoreUnavailable
from models.rows import HealthRow, Row, SpendRow
from streams.health import Pulse, beat_once
from streams.metrics import Published
from streams.vitals import Vitals


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


def spend(vitals: Vitals, task: str, usd: float, run: str = "") -> None:
    spent = vitals.spent_on(task, run)
    spent.usd += usd
    spent.calls += 1


async def test_spend_is_booked_once_whatever_the_store_does() -> None:
    store, vitals = Store(), Vitals("annotate", "9")
    pulse, published = Pulse(vitals, lag, 0.01), Published(vitals)
    spend(vitals, "b", 1.0)
    store.fail = "after"  # the row is there, its acknowledgement is lost
    await beat_once(store, pulse, published)
    spend(vitals, "a", 2.0)
    spend(vitals, "b", 4.0)
    store.fail = "before"
    await beat_once(store, pulse, published)
    store.fail = ""
    spend(vitals, "a", 8.0, run="r")
    await beat_once(store, pulse, published)
    assert store.total() == 15.0
    await beat_once(store, pulse, published)
    assert store.total() == 15.0
    assert vitals.unsettled == {}


async def test_what_is_spent_while_the_store_writes_is_booked_next() -> None:
    store, vitals = Store(), Vitals("annotate", "8")
    pulse, published = Pulse(vitals, lag, 0.01), Published(vitals)
    spend(vitals, "a", 1.0)
    store.meanwhile = lambda: spend(vitals, "a", 2.0)
    await beat_once(store, pulse, published)
    store.meanwhile = lambda: None
    await beat_once(store, pulse, published)
    assert store.total() == sum(row.usd for row in store.spend.values())
    await beat_once(store, pulse, published)
    assert store.total() == 5.0  # one before, one during each of the first beat's two inserts


async def test_a_health_row_tells_the_vitals() -> None:
    store, vitals = Store(), Vitals("judge", "7")
    vitals.received, vitals.note = 5, "waiting"
    vitals.latencies.extend(float(n) for n in range(100))
    await beat_once(store, Pulse(vitals, lag, 0.01), Published(vitals))
    (row,) = store.health
    assert (row.received, row.lag, row.note) == (5, 7, "waiting")
    assert (row.latency_p50_ms, row.latency_p99_ms) == (50.0, 99.0)
    assert row.at <= datetime.now(UTC)
