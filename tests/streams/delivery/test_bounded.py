"""What a stage reads on past: its limit in bytes."""

from types import SimpleNamespace
from typing import Any
from weakref import WeakSet

import pytest
from faust.transport.drivers import aiokafka as driver

from streams.delivery.bounded import BoundedConsumer, held_bytes


class Message:
    def __init__(self, size: int) -> None:
        self.value = b"x" * size


class Held(BoundedConsumer):
    """The consumer without a broker behind it."""

    def __init__(self, limit: int) -> None:
        self.transport: Any = SimpleNamespace(limit=limit)
        self.held = WeakSet()
        self._unacked_messages = set()
        self.slept = 0

    async def sleep(self, n: Any) -> None:
        self.slept += 1


@pytest.fixture
def consumer(monkeypatch: pytest.MonkeyPatch) -> Held:
    async def fetched(*_: Any) -> dict[str, str]:
        return {"fetched": "yes"}

    monkeypatch.setattr(driver.Consumer, "_getmany", fetched)
    monkeypatch.setattr(driver.Consumer, "_to_message", lambda _, tp, record: Message(record))
    return Held(100)


async def test_it_fetches_only_below_its_limit(consumer: Held) -> None:
    one, two = consumer._to_message("tp", 40), consumer._to_message("tp", 60)
    consumer._unacked_messages.add(one)
    assert not await consumer._getmany(None, 1.0)
    assert consumer.slept == 1
    del two  # done with, or forgotten at a rebalance
    assert await consumer._getmany(None, 1.0)


async def test_it_never_waits_for_nothing(consumer: Held) -> None:
    kept = consumer._to_message("tp", 500)
    assert await consumer._getmany(None, 1.0)
    assert held_bytes([kept]) == 500
