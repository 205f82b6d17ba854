"""The order in which a stage ends: its app, then its last spend, then the store."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from models.errors import StoreUnavailable
from models.rows import Row, SpendRow
from models.settings import Settings
from streams import app as faust_app
from streams.assembly import batched as batched_module
from streams.assembly.batched import batched
from streams.assembly.windowed import windowed
from streams.delivery.attempt import Plan
from streams.process.vitals import Vitals

TODAY = date(2026, 3, 4)


class Store:
    """Takes rows until it is closed."""

    def __init__(self) -> None:
        self.rows: dict[int, float] = {}
        self.asked = asyncio.Event()
        self.closed = False
        self.fail = False
        self.hang = asyncio.Event()
        self.hang.set()

    async def insert(self, rows: list[Row]) -> None:
        assert not self.closed
        self.asked.set()
        if self.fail:
            raise StoreUnavailable("away")
        for row in rows:
            if isinstance(row, SpendRow):
                self.rows[row.number] = row.usd
        await self.hang.wait()

    async def aclose(self) -> None:
        self.closed = True


class App:
    """A Faust app that spends while it drains."""

    crash_reason = None

    def __init__(self, drain: Callable[[], None]) -> None:
        self.drain = drain
        self.stopped = asyncio.Event()

    async def start(self) -> None: ...

    async def wait_until_stopped(self) -> None:
        await self.stopped.wait()

    async def stop(self) -> None:
        self.drain()
        self.stopped.set()


def pay(vitals: Vitals, usd: float) -> None:
    spent = vitals.spent_on("t", "", TODAY)
    spent.usd += usd
    spent.calls += 1


def ground_on(store: Store, vitals: Vitals, stack: AsyncExitStack, folder: Path) -> Any:
    stack.push_async_callback(store.aclose)
    return SimpleNamespace(
        store=store,
        vitals=vitals,
        stack=stack,
        stage=vitals.stage,
        settings=Settings(data=folder, delivery={"health_seconds": 0.01}),
    )


async def stopped_window(store: Store, vitals: Vitals, folder: Path) -> None:
    """A life of a windowed stage: two dollars, a heartbeat cut short, three more while draining."""
    async with AsyncExitStack() as stack:
        running = await windowed(ground_on(store, vitals, stack, folder), "in", cast("Plan", None))
        tasks = [asyncio.create_task(part) for part in running]
        pay(vitals, 2.0)
        await store.asked.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        store.hang.set()


@pytest.mark.parametrize("cut_short", [False, True])
async def test_a_stop_writes_the_last_spend_exactly_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut_short: bool
) -> None:
    store, vitals = Store(), Vitals("annotate", "2")
    monkeypatch.setattr(faust_app, "create_app", lambda *_: App(lambda: pay(vitals, 3.0)))
    if cut_short:  # the row is stored, but the heartbeat dies before it knows
        store.hang.clear()
    await stopped_window(store, vitals, tmp_path)
    assert sum(store.rows.values()) == 5.0
    assert vitals.unsettled == {}
    assert store.closed


async def test_a_store_that_is_down_at_the_stop_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store, vitals = Store(), Vitals("annotate", "1")
    store.fail = True
    monkeypatch.setattr(faust_app, "create_app", lambda *_: App(lambda: pay(vitals, 3.0)))
    with caplog.at_level(logging.WARNING):
        await stopped_window(store, vitals, tmp_path)
    assert "$5.0000" in caplog.text


async def test_a_batch_stage_tells_its_last_spend_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, vitals = Store(), Vitals("sink", "1")
    monkeypatch.setattr(batched_module, "new_consumer", lambda *_, **__: None)
    began = asyncio.Event()

    async def batches_for_ever(*_: Any) -> None:
        began.set()
        await asyncio.Event().wait()

    async def work(batch: Any) -> bool:
        return True

    monkeypatch.setattr(batched_module, "run_batches", batches_for_ever)
    async with AsyncExitStack() as stack:
        running = batched(ground_on(store, vitals, stack, tmp_path), ["in"], work)
        tasks = [asyncio.create_task(part) for part in running]
        await began.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        pay(vitals, 1.0)
    assert list(store.rows.values()) == [1.0]
