"""Drift: from `readings` to `alarms`, one watch for each slice of each task.

A watch lives in memory and in its snapshots. Alarms are stored by the broker before the snapshot
that knows them, and the snapshot before the offsets are committed: after a crash a watch continues
from its last snapshot, skips nothing and raises alarms under the ids they had.
"""

import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from agents.drift.plan import Plan, plan_of
from agents.drift.watch import SliceWatch
from models.drift import Alarm, AlarmAction, Reading
from models.rows import SnapshotRow
from models.sample import Source
from models.task import Task
from streams.delivery.batches import Batch
from streams.delivery.dead_letter_limit import DeadLetterLimit
from streams.delivery.dead_letters import Bury
from streams.delivery.records import Incoming, Output, Send
from streams.topics import Topics

SNAPSHOT_SECONDS = 5.0
SNAPSHOT_BYTES_PER_SECOND = 200_000
"""Snapshots come less often as they grow, so that what they cost stays bounded."""

Slice = tuple[str, str]

_RECORD: TypeAdapter[Reading | AlarmAction] = TypeAdapter(
    Annotated[Reading | AlarmAction, Field(discriminator="kind")]
)


@dataclass(frozen=True)
class Snapshots:
    """Where watches survive: the newest snapshot of each slice asked for, and a place for more."""

    load: Callable[[Sequence[Slice]], Awaitable[Mapping[Slice, SnapshotRow]]]
    save: Callable[[Sequence[SnapshotRow]], Awaitable[None]]


@dataclass(frozen=True)
class Outlet:
    """What leaves the stage: records stored by the broker, dead letters, and a limit on those."""

    send: Send
    bury: Bury
    limit: DeadLetterLimit


@dataclass
class Watched:
    """A slice's watch, how many records it has met, and the last of them."""

    watch: SliceWatch
    met: int = 0
    last: Source | None = None
    unsaved: bool = False

    def knows(self, source: Source) -> bool:
        """This record was met before; offsets are compared within one partition only."""
        last = self.last
        if last is None or (last.incarnation, last.partition) != (
            source.incarnation,
            source.partition,
        ):
            return False
        return source.offset <= last.offset


class DriftStage:
    """Works batches of readings."""

    def __init__(
        self,
        topics: Topics,
        tasks: Mapping[str, Task],
        snapshots: Snapshots,
        outlet: Outlet,
    ) -> None:
        """Bind to the tasks whose readings are watched."""
        self.topics = topics
        self.plans: dict[str, Plan] = {name: plan_of(task) for name, task in tasks.items()}
        self.snapshots = snapshots
        self.outlet = outlet
        self.watched: dict[Slice, Watched] = {}
        self.unsent: list[Output] = []
        self.buried: dict[tuple[int, int], int] = {}
        self.epoch = -1
        self.save_at = 0.0

    async def work(self, batch: Batch) -> bool:
        """Feed the watches; true once all they have met is in snapshots.

        Raises:
            TooManyDeadLetters: most of what came lately is unreadable; its letters are stored.
        """
        if batch.epoch != self.epoch:
            self.watched.clear()
            self.buried.clear()
            self.epoch = batch.epoch
        letters: dict[Source, Output] = {}
        readings = [(record, self._read(record, letters)) for record in batch.records]
        await self._load({(r.task, r.slice) for _, r in readings if r is not None})
        fed = sum(self._feed(record, reading) for record, reading in readings if reading)
        self.outlet.limit.settled(fed)
        await self.outlet.send((*letters.values(), *self.unsent))
        self.unsent.clear()
        self.buried |= {(at.incarnation, at.partition): at.offset for at in letters}
        self.outlet.limit.buried(len(letters), "unreadable")
        return await self._save()

    def _read(
        self, record: Incoming, letters: dict[Source, Output]
    ) -> Reading | AlarmAction | None:
        """A reading or an action; anything else becomes a dead letter, once."""
        try:
            found = _RECORD.validate_json(record.value)
        except ValidationError as exc:
            at = record.source
            if at.offset > self.buried.get((at.incarnation, at.partition), -1):
                letters[at] = self.outlet.bury(record, exc, 1)
            return None
        return found if found.task in self.plans else None

    async def _load(self, wanted: set[Slice]) -> None:
        """Bring the watches of these slices to life, from their snapshots where there are any."""
        strangers = sorted(wanted - self.watched.keys())
        kept = await self.snapshots.load(strangers) if strangers else {}
        for name in strangers:
            plan, row = self.plans[name[0]], kept.get(name)
            if row is None:
                self.watched[name] = Watched(SliceWatch(*name, plan))
            else:
                watch = SliceWatch.from_state(json.loads(row.state), plan)
                self.watched[name] = Watched(watch, row.met, _last(row, self.topics.readings))

    def _feed(self, record: Incoming, reading: Reading | AlarmAction) -> bool:
        """Whether it was new to its watch."""
        watched = self.watched[(reading.task, reading.slice)]
        if watched.knows(record.source):
            return False
        if isinstance(reading, AlarmAction):
            alarms = watched.watch.apply(reading, record.source)
        else:
            alarms = watched.watch.update(reading)
        watched.met, watched.last, watched.unsaved = watched.met + 1, record.source, True
        self.unsent += [self._output(alarm) for alarm in alarms]
        return True

    def _output(self, alarm: Alarm) -> Output:
        key = f"{alarm.signal}\x1f{alarm.task}\x1f{alarm.slice}".encode()
        return Output(self.topics.alarms, key, alarm.encode(), follow=False)

    async def _save(self) -> bool:
        unsaved = [watched for watched in self.watched.values() if watched.unsaved]
        if not unsaved:
            return True
        if time.monotonic() < self.save_at:
            return False
        rows = [snapshot(watched) for watched in unsaved]
        await self.snapshots.save(rows)
        for watched in unsaved:
            watched.unsaved = False
        size = sum(len(row.state) for row in rows)
        pause = SNAPSHOT_SECONDS + size / SNAPSHOT_BYTES_PER_SECOND
        self.save_at = time.monotonic() + pause
        return True


def _last(row: SnapshotRow, topic: str) -> Source:
    return Source(
        incarnation=row.incarnation,
        topic=topic,
        partition=row.partition,
        offset=row.offset,
        at=row.at,
    )


def snapshot(watched: Watched) -> SnapshotRow:
    """A watch as a row; it has met at least one record."""
    watch, last = watched.watch, watched.last
    if last is None:
        raise ValueError("a watch that has met nothing has no snapshot")
    mix = next(s for s in watch.standings() if s.signal == "label_mix")
    return SnapshotRow(
        task=watch.task,
        slice=watch.slice_name,
        met=watched.met,
        incarnation=last.incarnation,
        partition=last.partition,
        offset=last.offset,
        at=last.at,
        warm=mix.phase != "warming up",
        collected=mix.collected,
        needed=mix.needed,
        state=json.dumps(watch.state(), separators=(",", ":")),
    )
