"""Attempts: one record from its call to outputs that the broker stored, and the waits between.

What is elsewhere down costs no attempt, a bug costs some, and what can never be handled or sent
becomes a dead letter. A record is let go the moment it is no longer this process's to do.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from models.errors import InvalidRecord, Unavailable
from streams.delivery.dead_letter_limit import DeadLetterLimit
from streams.delivery.dead_letters import Bury
from streams.delivery.kafka import BROKEN, REFUSED
from streams.delivery.records import Incoming, Output
from streams.delivery.tail import LAST, SOURCE, NewReader, Positions
from streams.intake import replays
from streams.process.containment import contained
from streams.process.vitals import Vitals

log = logging.getLogger(__name__)

Handle = Callable[[Incoming], Awaitable[Sequence[Output]]]

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


@dataclass(frozen=True)
class Hold:
    """What a record's partition is held under.

    Attributes:
        known: the positions that the tails say are done.
        ours: whether it is this process's still, under the same assignment.
        leaving: a rebalance collects the partitions, or the process stops: start nothing new.
    """

    known: "asyncio.Future[Positions]"
    ours: Callable[[], bool]
    leaving: Callable[[], bool]


class Attempts:
    """Takes the records of one Faust app through a plan, each on its own."""

    def __init__(self, app: Any, plan: Plan, vitals: Vitals) -> None:
        """Bind to the app, whose producer sends."""
        self.app = app
        self.plan = plan
        self.vitals = vitals

    async def settle(self, record: Incoming, hold: Hold) -> bool:
        """True: every output is stored. False: the record is no longer ours to do.

        Raises:
            TooManyDeadLetters: it would have become one too many.
            Exception: its dead letter is refused, or the producer can send nothing any more.
        """
        if hold.leaving():
            return False
        position = self._position(record)
        if position in await asyncio.shield(hold.known):
            self.vitals.skipped += 1
            return True
        outputs = await self._call(record, hold)
        return outputs is not None and await self._store(record, hold, position, outputs)

    def _position(self, record: Incoming) -> bytes:
        s = record.source
        stamp = round(s.at.timestamp() * 1000)
        group = self.app.conf.id
        return f"{group}/{s.incarnation}/{s.topic}/{s.partition}/{s.offset}/{stamp}".encode()

    async def _call(self, record: Incoming, hold: Hold) -> list[Output] | None:
        """The handler's outputs, a dead letter in their place, or none: no longer ours."""
        attempts = 0
        while hold.ours():
            try:
                async with asyncio.timeout(self.plan.deadline):
                    return list(await contained(self.plan.handle(record)))
            except Unavailable as exc:
                self.vitals.waits(str(exc), time.monotonic())
                if not await self._outlast(hold, exc.retry_after):
                    return None
                self.vitals.note = ""
            except Exception as exc:
                attempts += 1
                self.vitals.errors += 1
                if isinstance(exc, InvalidRecord) or attempts >= self.plan.attempts:
                    if not isinstance(exc, InvalidRecord):
                        log.exception("dead letter at offset %d", record.source.offset)
                    return [self._buried(record, exc, attempts)]
                if hold.leaving():
                    return None
                self.vitals.retries += 1
                await asyncio.sleep(_pause(attempts))
        return None

    async def _outlast(self, hold: Hold, seconds: float) -> bool:
        """Wait, but no moment longer than the partition is ours and nobody wants it back."""
        end = time.monotonic() + seconds * random.uniform(1, 1.5)
        while hold.ours() and not hold.leaving():
            self.vitals.waited_at = time.monotonic()
            if (left := end - time.monotonic()) <= 0:
                return True
            await asyncio.sleep(min(left, _POLL))
        return False

    async def _store(
        self, record: Incoming, hold: Hold, position: bytes, outputs: list[Output]
    ) -> bool:
        """Have the broker store the outputs; an outage costs no call and no dead letter."""
        failures, buried = 0, any(output.topic == self.plan.bury.topic for output in outputs)
        while hold.ours():
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
        await contained(stored)

    def _buried(self, record: Incoming, exc: BaseException, attempts: int) -> Output:
        if not replays(record):
            self.plan.letters.bury(exc)
        self.vitals.dead_letters += 1
        return self.plan.bury(record, exc, attempts)


def _pause(failures: int) -> float:
    return float(min(_LONGEST_PAUSE, 0.1 * 2 ** min(failures, 9)) * random.uniform(0.5, 1))
