"""A store that is away for long costs two lines in a stage's log, and no stage."""

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime

import pytest

from models.errors import StoreUnavailable
from models.rows import Action, Row
from streams import oversight
from streams.oversight import Oversight
from streams.process import health
from streams.process.health import Pulse, beat
from streams.process.vitals import Vitals


class Store:
    """Away until it is back; counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.answered = 0
        self.away = True

    def ask(self) -> None:
        self.asked += 1
        if self.away:
            raise StoreUnavailable("the store does not answer")
        self.answered += 1

    async def insert(self, rows: list[Row]) -> None:
        self.ask()

    async def controls(self) -> Mapping[str, Action]:
        self.ask()
        return {"t": "pause"}

    async def spent(self, moment: datetime) -> Mapping[str, float]:
        return {}


async def lag() -> int | None:
    return 0


async def outage(store: Store, task: "asyncio.Task[None]") -> None:
    """Wait until the store was asked in vain several times, and then with success."""
    async with asyncio.timeout(20):
        while store.asked < 5:  # noqa: ASYNC110 - the stand-in tells of nothing
            await asyncio.sleep(0.01)
        store.away = False
        while store.answered < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert not task.done()
    task.cancel()


async def test_controls_and_spend_hold_and_two_lines_say_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(oversight, "SECONDS", 0.01)
    caplog.set_level(logging.INFO)
    store = Store()
    watch = Oversight(store.controls, store.spent, {})
    watch.actions = {"t": "stop"}
    task = asyncio.create_task(watch.watch())
    await asyncio.sleep(0.05)
    assert watch.action("t") == "stop"
    await outage(store, task)
    assert watch.action("t") == "pause"
    down, back = [record.getMessage() for record in caplog.records]
    assert down == "the last controls and spend hold: the store does not answer"
    assert back.startswith("the last controls and spend hold: over, after")


async def test_missed_heartbeats_are_two_lines(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(health, "LEAST_SECONDS", 0.01)
    caplog.set_level(logging.INFO)
    store = Store()
    await outage(store, asyncio.create_task(beat(store, Pulse(Vitals("judge", "6"), lag, 0.02))))
    down, back = [record.getMessage() for record in caplog.records]
    assert down == "no heartbeat: the store does not answer"
    assert back.startswith("no heartbeat: over, after")
