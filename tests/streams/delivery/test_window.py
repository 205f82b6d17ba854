"""The window's promise, on a stand-in for Faust: what is acked, when, and with which outputs."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError, MessageSizeTooLargeError

from models.errors import InvalidRecord, ModelUnavailable
from streams.delivery.attempt import Plan
from streams.delivery.dead_letter_limit import DeadLetterLimit, TooManyDeadLetters
from streams.delivery.dead_letters import Bury, Identity
from streams.delivery.records import Incoming, Output
from streams.delivery.tail import LAST, SOURCE
from streams.delivery.window import OrderedWindow
from streams.intake import REPLAYS
from streams.process.vitals import Vitals

Handle = Callable[[Incoming], Awaitable[Sequence[Output]]]


@dataclass
class Producer:
    stored: list[tuple[str, bytes, dict[str, bytes]]] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)
    refuse: Callable[[str, bytes], Exception | None] = lambda *_: None

    async def send(self, topic: str, key: bytes, value: bytes, *rest: Any) -> Awaitable[None]:
        if self.failures:
            return self._fail(self.failures.pop())
        if (error := self.refuse(topic, value)) is not None:
            raise error
        headers = dict(rest[2])

        async def stored() -> None:
            self.stored.append((topic, value, headers))

        return stored()

    async def _fail(self, error: BaseException) -> None:
        raise error


class App:
    def __init__(self) -> None:
        self.acked: list[int] = []
        self.crashed: list[BaseException] = []
        self.forgotten: set[int] = set()
        self.producer = Producer()
        self.should_stop = False
        self.active = True
        self.consumer_generation_id = 1
        self.conf = SimpleNamespace(id="tg.annotate")
        self.flow_control = SimpleNamespace(is_active=lambda: self.active)
        self.consumer = SimpleNamespace(_unacked_messages=SimpleNamespace(discard=self._forget))
        self.on_partitions_assigned = SimpleNamespace(connect=lambda _: None)

    def _forget(self, message: Any) -> None:
        self.forgotten.add(message.offset)

    async def crash(self, exc: BaseException) -> None:
        self.crashed.append(exc)
        self.should_stop = True

    def event(self, offset: int, value: bytes = b"v") -> Any:
        message = SimpleNamespace(
            topic="samples",
            partition=0,
            offset=offset,
            generation_id=1,
            timestamp=1.0,
            key=b"k",
            value=value,
            headers={},
        )
        return SimpleNamespace(message=message, ack=lambda: self.acked.append(offset))


class Stream:
    def __init__(self, events: list[Any]) -> None:
        self.waiting = events
        self.closed = asyncio.Event()

    def noack(self) -> "Stream":
        return self

    async def events(self) -> AsyncIterator[Any]:
        for event in self.waiting:
            yield event
        await self.closed.wait()


def window(app: App, handle: Handle, **changes: Any) -> OrderedWindow:
    bury = Bury("dead", "annotate", lambda r: Identity("key", r.source), lambda: 0.0)
    plan = Plan(
        handle=handle,
        bury=bury,
        follow=("out", "dead"),
        reader=lambda: None,
        incarnation=0,
        tail=0,
        **changes,
    )
    return OrderedWindow(app, plan, Vitals("annotate", "0"))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - any condition of the stand-ins
            await asyncio.sleep(0.001)


async def drive(app: App, handle: Handle, count: int, done: Callable[[], bool], **kw: Any) -> None:
    stream = Stream([app.event(offset) for offset in range(count)])
    task = asyncio.create_task(window(app, handle, **kw).run(stream))
    await until(done)
    stream.closed.set()
    await task


async def echo(record: Incoming) -> list[Output]:
    return [Output("out", record.key, record.value)]


@pytest.mark.parametrize("seed", range(5))
async def test_acks_are_in_order_whatever_order_the_work_ends_in(seed: int) -> None:
    app, rng = App(), random.Random(seed)

    async def handle(record: Incoming) -> list[Output]:
        for _ in range(rng.randrange(30)):
            await asyncio.sleep(0)
        return await echo(record)

    await drive(app, handle, 200, lambda: len(app.acked) == 200, limit=16)
    assert app.acked == list(range(200))
    assert len(app.producer.stored) == 200


async def test_nothing_is_acked_past_an_unfinished_record() -> None:
    app, gate = App(), asyncio.Event()

    async def handle(record: Incoming) -> list[Output]:
        if record.source.offset == 3:
            await gate.wait()
        return await echo(record)

    stream = Stream([app.event(offset) for offset in range(10)])
    task = asyncio.create_task(window(app, handle).run(stream))
    await until(lambda: len(app.producer.stored) == 9 and len(app.acked) >= 3)
    for _ in range(100):
        await asyncio.sleep(0)
    assert app.acked == [0, 1, 2]
    gate.set()
    await until(lambda: len(app.acked) == 10)
    stream.closed.set()
    await task


async def test_the_span_bounds_what_a_crash_can_repeat() -> None:
    app, gate = App(), asyncio.Event()

    async def handle(record: Incoming) -> list[Output]:
        if record.source.offset == 0:
            await gate.wait()
        return await echo(record)

    stream = Stream([app.event(offset) for offset in range(50)])
    task = asyncio.create_task(window(app, handle, span=8).run(stream))
    await until(lambda: len(app.producer.stored) == 7)
    for _ in range(100):
        await asyncio.sleep(0)
    assert len(app.producer.stored) == 7
    gate.set()
    await until(lambda: len(app.acked) == 50)
    stream.closed.set()
    await task


async def test_a_bad_record_is_buried_at_once_and_a_bug_after_its_attempts() -> None:
    app, calls = App(), [0, 0]

    async def handle(record: Incoming) -> list[Output]:
        calls[record.source.offset] += 1
        if record.source.offset == 0:
            raise InvalidRecord("no sample")
        raise ValueError("bug")

    await drive(app, handle, 2, lambda: len(app.acked) == 2, attempts=2)
    assert calls == [1, 2]
    assert [topic for topic, *_ in app.producer.stored] == ["dead", "dead"]


async def test_unavailable_is_waited_out_and_is_no_attempt() -> None:
    app, calls = App(), 0

    async def handle(record: Incoming) -> list[Output]:
        nonlocal calls
        calls += 1
        if calls < 10:
            raise ModelUnavailable("down", retry_after=0.001)
        return await echo(record)

    await drive(app, handle, 1, lambda: app.acked == [0], attempts=1)
    assert [topic for topic, *_ in app.producer.stored] == ["out"]


async def test_a_record_that_must_go_elsewhere_is_left_unacked() -> None:
    app = App()

    async def handle(record: Incoming) -> list[Output]:
        app.active = False
        raise ModelUnavailable("down", retry_after=60)

    await drive(app, handle, 3, lambda: app.forgotten == {0, 1, 2}, limit=8)
    assert (app.acked, app.producer.stored) == ([], [])


async def test_a_broker_outage_costs_no_call_and_no_dead_letter() -> None:
    app, calls = App(), 0
    app.producer.failures = [KafkaConnectionError("gone"), KafkaConnectionError("gone")]

    async def handle(record: Incoming) -> list[Output]:
        nonlocal calls
        calls += 1
        return await echo(record)

    await drive(app, handle, 1, lambda: app.acked == [0])
    assert calls == 1
    assert [topic for topic, *_ in app.producer.stored] == ["out"]


async def test_the_last_output_follows_all_others_and_only_what_failed_is_sent_again() -> None:
    app, tried = App(), {b"a": 0, b"b": 0, b"c": 0}

    def refuse(_: str, value: bytes) -> Exception | None:
        tried[value] += 1
        again: Exception = KafkaConnectionError("gone")
        return again if value == b"b" and tried[b"b"] < 3 else None

    async def handle(record: Incoming) -> list[Output]:
        return [Output("out", record.key, value) for value in (b"a", b"b", b"c")]

    app.producer.refuse = refuse
    await drive(app, handle, 1, lambda: app.acked == [0])
    assert tried == {b"a": 1, b"b": 3, b"c": 1}
    assert [value for _, value, _ in app.producer.stored] == [b"a", b"b", b"c"]
    assert [LAST in headers for *_, headers in app.producer.stored] == [False, False, True]


async def test_an_output_that_is_too_large_becomes_one_dead_letter() -> None:
    app = App()
    app.producer.refuse = lambda topic, _: (
        MessageSizeTooLargeError("big") if topic == "out" else None
    )
    await drive(app, echo, 1, lambda: app.acked == [0])
    assert [topic for topic, *_ in app.producer.stored] == ["dead"]


async def test_a_refused_dead_letter_stops_the_process_unacked() -> None:
    app = App()
    app.producer.refuse = lambda *_: MessageSizeTooLargeError("big")
    await drive(app, echo, 1, lambda: bool(app.crashed))
    assert app.acked == []


async def test_a_cancellation_from_within_does_not_wedge_the_lane() -> None:
    app = App()

    async def handle(record: Incoming) -> list[Output]:
        shared: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        shared.cancel()
        await shared
        return []

    await drive(app, handle, 1, lambda: app.acked == [0], attempts=1)
    assert [topic for topic, *_ in app.producer.stored] == ["dead"]


async def test_a_send_that_the_producer_cancels_is_sent_again() -> None:
    app = App()
    app.producer.failures = [asyncio.CancelledError()]
    await drive(app, echo, 5, lambda: len(app.acked) == 5)
    assert app.acked == list(range(5))
    assert len(app.producer.stored) == 5


async def test_outputs_name_their_source_and_the_last_one_says_so() -> None:
    app = App()

    async def handle(record: Incoming) -> list[Output]:
        return [Output("side", None, b"1", follow=False), Output("out", None, b"2")]

    await drive(app, handle, 1, lambda: app.acked == [0])
    first, last = (headers for *_, headers in app.producer.stored)
    assert first[SOURCE] == last[SOURCE] == b"tg.annotate/0/samples/0/0/1000"
    assert LAST not in first
    assert last[LAST] == b"1"


async def refused(record: Incoming) -> list[Output]:
    raise InvalidRecord("no sample")


async def test_a_stage_that_buries_everything_stops_before_it_buries_more() -> None:
    app = App()
    limit = DeadLetterLimit(0.5, 20)
    await drive(app, refused, 50, lambda: bool(app.crashed), letters=limit)
    assert isinstance(app.crashed[0], TooManyDeadLetters)
    assert len(app.producer.stored) == 9
    assert app.acked == list(range(len(app.acked))), "the one that tripped it comes again"
    assert len(app.acked) <= 9


async def test_poison_among_good_records_does_not_stop_it() -> None:
    app = App()

    async def handle(record: Incoming) -> list[Output]:
        return await (refused if record.source.offset % 3 == 0 else echo)(record)

    few = {"limit": 4, "letters": DeadLetterLimit(0.5, 20)}  # far fewer in work than counted
    await drive(app, handle, 200, lambda: len(app.acked) == 200, **few)
    assert app.crashed == []


async def test_replayed_letters_do_not_count() -> None:
    app = App()
    events = [app.event(offset) for offset in range(50)]
    for event in events:
        event.message.headers = {REPLAYS: b"1"}
    stream = Stream(events)
    limit = DeadLetterLimit(0.5, 20)
    task = asyncio.create_task(window(app, refused, letters=limit).run(stream))
    await until(lambda: len(app.acked) == 50)
    stream.closed.set()
    await task
    assert app.crashed == []


async def test_waiting_for_something_outside_is_noted() -> None:
    app, calls = App(), 0

    async def handle(record: Incoming) -> list[Output]:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise ModelUnavailable("down", retry_after=0.001)
        return await echo(record)

    made = window(app, handle)
    stream = Stream([app.event(0)])
    task = asyncio.create_task(made.run(stream))
    await until(lambda: app.acked == [0])
    stream.closed.set()
    await task
    assert 0 < made.vitals.waited_at <= made.vitals.progressed_at
