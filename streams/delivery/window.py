"""The ordered window: many records in work at once, offsets acknowledged strictly in order.

Faust commits past an unfinished record when acknowledgements come out of order, and forgets a
record whose processor raised. So a stage's stream is read with `noack()`, every record gets a task
of its own, and a record is acknowledged only when it and all before it in its partition have their
outputs stored by the broker. Backpressure is: not reading the stream.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from streams.delivery.attempt import Attempts, Hold, Plan
from streams.delivery.dead_letter_limit import TooManyDeadLetters
from streams.delivery.records import Incoming, incoming
from streams.delivery.tail import Positions, Tails
from streams.process.vitals import Vitals

log = logging.getLogger(__name__)


@dataclass(eq=False)
class Cell:
    """One record of a lane; compared by identity."""

    event: Any
    record: Incoming
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
        self.attempts = Attempts(app, plan, vitals)
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
        cell = Cell(event, incoming(message, self.plan.incarnation))
        lane.cells.append(cell)
        self.vitals.in_flight += 1
        task = asyncio.create_task(self._work(cell, lane))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _work(self, cell: Cell, lane: Lane) -> None:
        try:
            if await self._settle(cell.record, lane):
                cell.done = True
                self._acknowledge(lane)
            else:
                self._give_up(cell, lane)
        except Exception as exc:
            # Too many dead letters, one that is refused, or a bug: stop loudly.
            self._give_up(cell, lane)
            if not isinstance(exc, TooManyDeadLetters):  # which speaks for itself
                offset = cell.record.source.offset
                log.critical("cannot settle %s offset %d: %r", lane.key, offset, exc)
            await self._crash(exc)
        finally:
            self.vitals.in_flight -= 1
            self.slots.release()
            async with self.room:
                self.room.notify_all()

    async def _crash(self, exc: Exception) -> None:
        """End the process; Faust itself remembers only the last of all that breaks on its way."""
        self.vitals.fatal = self.vitals.fatal or exc
        await self.app.crash(exc)

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

    async def _settle(self, record: Incoming, lane: Lane) -> bool:
        """True: every output is stored. False: the record is no longer ours to do."""
        if lane.closed:
            return False
        hold = Hold(lane.known, partial(self._ours, lane), self._leaving)
        return await self.attempts.settle(record, hold)
