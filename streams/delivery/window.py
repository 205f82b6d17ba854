"""The ordered window: many records in work at once, offsets acknowledged strictly in order.

Faust commits past an unfinished record when acknowledgements come out of order, and forgets a
record whose processor raised. So a stage's stream is read with `noack()`, every record gets a task
of its own, and a record is acknowledged only when it and all before it in its partition have their
outputs stored by the broker. Backpressure is: not reading the stream.
"""

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiokafka.errors import (
    InvalidMessageError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumber,
    ProducerClosed,
    ProducerFenced,
)

from models.errors import InvalidRecord, Unavailable
from streams.delivery.dead_letter_limit import DeadLetterLimit, TooManyDeadLetters
from streams.delivery.dead_letters import Bury
from streams.delivery.records import Incoming, Output, incoming
from streams.delivery.tail import LAST, SOURCE, NewReader, Positions, Tails
from streams.intake import replays
from streams.vitals import Vitals

log = logging.getLogger(__name__)

Handle = Callable[[Incoming], Awaitable[Sequence[Output]]]

REFUSED = (MessageSizeTooLargeError, InvalidMessageError, AssertionError, TypeError, ValueError)
"""What the client says of an output that can never be sent."""

BROKEN = (OutOfOrderSequenceNumber, ProducerFenced, ProducerClosed)
"""What it says once it can send nothing any more: only a new process has a new producer."""

_POLL = 0.25
_LONGEST_PAUSE = 30.0


@dataclass(frozen=True)
class Plan:
    """How one stage's window works.

    Attributes:
        handle: a record's outputs; sends nothing itself. Raises `InvalidRecord` for what can never
            be handled and `Unavailable` when the reason lies elsewhere.
        follow: topics written to the input's partition number; the last output of a record goes to
            one of them and so proves the others.
        reader: makes a consumer without a group, for the tails of those topics.
        limit: records in work at once.
        span: records taken per partition beyond the oldest unfinished one.
        deadline: seconds for one attempt.
        letters: stops the stage before it buries most of its traffic.
    """

    handle: Handle
    bury: Bury
    follow: tuple[str, ...]
    reader: NewReader
    incarnation: int
    limit: int = 32
    span: int = 512
    tail: int = 2048
    attempts: int = 3
    deadline: float = 40.0
    letters: DeadLetterLimit = field(default_factory=DeadLetterLimit)


@dataclass(eq=False)
class Cell:
    """One record of a lane; compared by identity."""

    event: Any
    record: Incoming
    taken_at: float
    done: bool = False


class Lane:
    """One partition under one assignment: its records in offset order."""

    def __init__(self, key: tuple[str, int, int], known: "asyncio.Future[Positions]") -> None:
        """Start empty; `known` is what the tails say is done."""
        self.key = key
        self.known = known
        self.cells: deque[Cell] = deque()
        self.closed = False


class OrderedWindow:
    """Moves the records of one Faust app's stream through a plan."""

    def __init__(self, app: Any, plan: Plan, vitals: Vitals) -> None:
        """Bind to the app; lanes are forgotten at every assignment."""
        self.app = app
        self.plan = plan
        self.vitals = vitals
        self.slots = asyncio.Semaphore(plan.limit)
        self.room = asyncio.Condition()
        self.lanes: dict[tuple[str, int, int], Lane] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self.tails = Tails(plan.reader, plan.follow, plan.tail)
        app.on_partitions_assigned.connect(self._assigned)

    async def _assigned(self, _: Any, assigned: Iterable[Any], **__: Any) -> None:
        # A member that rejoins may keep its generation, so the number alone is no identity.
        self.lanes.clear()
        self.tails.assigned(tp.partition for tp in assigned)

    async def run(self, stream: Any) -> None:
        """Work the stream until it ends; what is unfinished then stays unacknowledged."""
        try:
            async for event in stream.noack().events():
                await self._take(event)
        finally:
            for task in list(self.tasks):
                task.cancel()

    async def _take(self, event: Any) -> None:
        message = event.message
        key = message.topic, message.partition, message.generation_id
        lane = self.lanes.get(key)
        if lane is None:
            lane = self.lanes[key] = Lane(key, self.tails.of(message.partition))
        self.vitals.received += 1
        async with self.room:
            await self.room.wait_for(lambda: len(lane.cells) < self.plan.span)
        await self.slots.acquire()
        cell = Cell(event, incoming(message, self.plan.incarnation), time.monotonic())
        lane.cells.append(cell)
        self.vitals.in_flight += 1
        task = asyncio.create_task(self._work(cell, lane))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _work(self, cell: Cell, lane: Lane) -> None:
        try:
            if await self._settle(cell, lane):
                cell.done = True
                self._acknowledge(lane)
            else:
                self._give_up(cell, lane)
        except TooManyDeadLetters as exc:  # this record is not buried: it comes again
            self._give_up(cell, lane)
            await self.app.crash(exc)
        except Exception as exc:  # a bug, or a dead letter that is refused: stop loudly
            self._give_up(cell, lane)
            log.critical("cannot settle %s offset %d: %r", lane.key, cell.record.source.offset, exc)
            await self.app.crash(exc)
        finally:
            self.vitals.in_flight -= 1
            self.slots.release()
            async with self.room:
                self.room.notify_all()

    def _acknowledge(self, lane: Lane) -> None:
        while lane.cells and lane.cells[0].done:
            lane.cells.popleft().event.ack()
            self.vitals.progressed_at = time.monotonic()

    def _give_up(self, cell: Cell, lane: Lane) -> None:
        """Acknowledge nothing from this record on, and let Faust forget those it waits for."""
        lane.closed = True
        while cell in lane.cells:
            self.app.consumer._unacked_messages.discard(lane.cells.pop().event.message)

    def _ours(self, lane: Lane) -> bool:
        current = self.lanes.get(lane.key) is lane
        return current and lane.key[2] == self.app.consumer_generation_id

    def _leaving(self) -> bool:
        """A rebalance collects the partitions, or the process stops: start nothing new."""
        return bool(self.app.should_stop or not self.app.flow_control.is_active())

    async def _settle(self, cell: Cell, lane: Lane) -> bool:
        """True: every output is stored. False: the record is no longer ours to do."""
        if lane.closed or self._leaving():
            return False
        position = self._position(cell.record)
        if position in await asyncio.shield(lane.known):
            self.vitals.skipped += 1
            return True
        outputs = await self._call(cell.record, lane)
        return outputs is not None and await self._store(cell.record, lane, position, outputs)

    def _position(self, record: Incoming) -> bytes:
        s = record.source
        stamp = round(s.at.timestamp() * 1000)
        group = self.app.conf.id
        return f"{group}/{s.incarnation}/{s.topic}/{s.partition}/{s.offset}/{stamp}".encode()

    async def _call(self, record: Incoming, lane: Lane) -> list[Output] | None:
        """The handler's outputs, a dead letter in their place, or none: no longer ours."""
        attempts = 0
        while self._ours(lane):
            try:
                async with asyncio.timeout(self.plan.deadline):
                    return list(await _contained(self.plan.handle, record))
            except Unavailable as exc:
                self.vitals.waits(str(exc), time.monotonic())
                if not await self._outlast(lane, exc.retry_after):
                    return None
                self.vitals.note = ""
            except Exception as exc:
                attempts += 1
                self.vitals.errors += 1
                if isinstance(exc, InvalidRecord) or attempts >= self.plan.attempts:
                    if not isinstance(exc, InvalidRecord):
                        log.exception("dead letter at offset %d", record.source.offset)
                    return [self._buried(record, exc, attempts)]
                if self._leaving():
                    return None
                self.vitals.retries += 1
                await asyncio.sleep(_pause(attempts))
        return None

    async def _outlast(self, lane: Lane, seconds: float) -> bool:
        """Wait, but no moment longer than the partition is ours and nobody wants it back."""
        end = time.monotonic() + seconds * random.uniform(1, 1.5)
        while self._ours(lane) and not self._leaving():
            self.vitals.waited_at = time.monotonic()
            if (left := end - time.monotonic()) <= 0:
                return True
            await asyncio.sleep(min(left, _POLL))
        return False

    async def _store(
        self, record: Incoming, lane: Lane, position: bytes, outputs: list[Output]
    ) -> bool:
        """Have the broker store the outputs; an outage costs no call and no dead letter."""
        failures, buried = 0, any(output.topic == self.plan.bury.topic for output in outputs)
        while self._ours(lane):
            try:
                while outputs:
                    await self._step(record, position, outputs)
                return self._counted(record, failures, buried)
            except Exception as exc:
                if isinstance(exc.__cause__ or exc, BROKEN):
                    raise
                if isinstance(exc.__cause__ or exc, REFUSED):
                    if buried:
                        raise
                    outputs, buried = [self._buried(record, exc, failures)], True
                    continue
                failures += 1
                self.vitals.retries += 1
                self.vitals.waits("the broker does not store outputs", time.monotonic())
                log.warning("the broker does not store outputs (%d): %r", failures, exc)
                await asyncio.sleep(_pause(failures))
        return False

    def _counted(self, record: Incoming, failures: int, buried: bool) -> bool:
        if failures:
            self.vitals.note = ""
        if not buried and not replays(record):
            self.plan.letters.settled()
        return True

    async def _step(self, record: Incoming, position: bytes, outputs: list[Output]) -> None:
        """Have all but the last output stored, side by side; or, once it is alone, the last.

        What is stored leaves the list. The first error is raised, if any.
        """
        last = len(outputs) == 1
        sent = outputs if last else outputs[:-1]
        ends = await asyncio.gather(
            *(self._send(record, position, output, last) for output in sent),
            return_exceptions=True,
        )
        failed = [output for output, end in zip(sent, ends, strict=True) if end is not None]
        self.vitals.emitted += len(sent) - len(failed)
        outputs[:] = failed if last else [*failed, outputs[-1]]
        for end in ends:
            if end is not None:
                raise end

    async def _send(self, record: Incoming, position: bytes, output: Output, last: bool) -> None:
        headers = [pair for pair in output.headers if pair[0] not in {SOURCE, LAST}]
        headers.append((SOURCE, position))
        if last:
            headers.append((LAST, b"1"))
        partition = record.source.partition if output.follow else None
        stored = await self.app.producer.send(
            output.topic, output.key, output.value, partition, None, headers
        )
        await stored

    def _buried(self, record: Incoming, exc: BaseException, attempts: int) -> Output:
        if not replays(record):
            self.plan.letters.bury(exc)
        self.vitals.dead_letters += 1
        return self.plan.bury(record, exc, attempts)


async def _contained(handle: Handle, record: Incoming) -> Sequence[Output]:
    """The handler's outputs; a cancellation that comes from within it counts as its error."""
    try:
        return await handle(record)
    except asyncio.CancelledError as exc:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise RuntimeError("cancelled from within") from exc


def _pause(failures: int) -> float:
    return float(min(_LONGEST_PAUSE, 0.1 * 2 ** min(failures, 9)) * random.uniform(0.5, 1))
