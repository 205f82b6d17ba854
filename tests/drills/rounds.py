"""Running a drill: traffic and faults of a round side by side, then quiet, then the judgement."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import psutil
from aiokafka.errors import KafkaError

from models.errors import ConfigurationError, StoreUnavailable, TidegaugeError
from models.settings import Settings
from models.task_file import load_tasks
from streams.desk import queue
from streams.topics import STAGES
from tests.drills.faults import inflict
from tests.drills.oracle import Judgement, Oracle
from tests.drills.plan import Drill, Fault, Round
from tests.drills.positions import unread
from tests.drills.sender import Sender
from tests.drills.site import Site, site
from tests.drills.traffic import Sent, again, refused, traffic

POLL_SECONDS = 0.5
SETTLE_SECONDS = 120.0
BROKEN = (TidegaugeError, KafkaError, psutil.Error, OSError)
"""What a round meets whose store, broker or model is not to be had when it should be."""


@dataclass(frozen=True)
class Outcome:
    """One round and how it ended; counts are of the drill so far.

    Attributes:
        judgement: what came of it; None: it could not be judged.
        problem: why not, on one line.
        recovery: seconds from the end of each fault until all sent before it had its state; the
            longest.
    """

    name: str
    judgement: Judgement | None
    kills: int
    recovery: float
    seconds: float
    problem: str = ""

    @property
    def good(self) -> bool:
        """It was judged, and all is well."""
        return self.judgement is not None and self.judgement.good


@dataclass
class Run:
    """A drill under way."""

    place: Site
    sender: Sender
    oracle: Oracle
    numbers: int = 0
    recoveries: list[float] = field(default_factory=list)
    unread: dict[str, int] | None = None

    async def ready(self, workers: int) -> None:
        """Wait until every worker has told the store that it is there."""
        wanted = workers * (len(STAGES) - 1) + 1  # there is one desk
        if not await self._until(lambda: self._are_there(wanted)):
            raise ConfigurationError(f"fewer than {wanted} workers started: {self.place.told}")

    async def _are_there(self, wanted: int) -> bool:
        sql = "SELECT uniqExact(stage, slot) AS n FROM stage_health"
        rows = await asyncio.to_thread(self.place.store.query, sql)
        return int(rows[0]["n"]) >= wanted

    async def round(self, plan: Round) -> Outcome:
        """Run one round and judge; what cannot be judged is an outcome, too."""
        began, kills = time.monotonic(), self.place.kills
        self.recoveries = [0.0]
        judgement, problem = None, ""
        try:
            await self._play(plan, began)
            judgement = await self._judge()
        except* BROKEN as failed:
            problem = "; ".join(sorted(set(_reasons(failed))))
        return Outcome(
            name=plan.name,
            judgement=judgement,
            kills=self.place.kills - kills,
            recovery=max(self.recoveries),
            seconds=time.monotonic() - began,
            problem=problem,
        )

    async def _play(self, plan: Round, began: float) -> None:
        """Traffic and faults, side by side."""
        async with asyncio.TaskGroup() as going:
            going.create_task(self.sender.send(self._records(plan), plan.seconds))
            if plan.refused:
                going.create_task(self._burst(plan))
            for fault in plan.faults:
                going.create_task(self._inflict(fault, began))

    async def _judge(self) -> Judgement:
        """Wait until nothing moves, and compare."""
        settled = await self._until(self._quiet)
        await self.oracle.read()
        judgement = await asyncio.to_thread(
            self.oracle.judge, self.sender.stored, await self._calls()
        )
        if not settled:
            late = f"not settled in {SETTLE_SECONDS:g} s, unread records: {self.unread}"
            judgement = replace(judgement, wrong=(late, *judgement.wrong))
        return judgement

    def _records(self, plan: Round) -> list[Sent]:
        now = _now()
        fresh = list(traffic(self.numbers, plan.samples, now))
        self.numbers += plan.samples
        late = again([each.sent for each in self.sender.stored], plan.late, now)
        pairs = itertools.zip_longest(fresh, late)
        return [record for pair in pairs for record in pair if record is not None]

    async def _burst(self, plan: Round) -> None:
        await asyncio.sleep(plan.burst_at)
        first = self.numbers
        self.numbers += plan.refused
        now = _now()
        await self.sender.send((refused(first + n, now) for n in range(plan.refused)), 0)

    async def _inflict(self, fault: Fault, began: float) -> None:
        await asyncio.sleep(max(0.0, began + fault.at - time.monotonic()))
        await inflict(self.place, fault)
        mended = time.monotonic()
        names = {each.sent.name for each in self.sender.stored} - {None}
        below = max((each.sent.number for each in self.sender.stored), default=0)
        await self._until(lambda: self._have_state(below, len(names)))
        self.recoveries.append(time.monotonic() - mended)

    async def _have_state(self, last: int, due: int) -> bool:
        """Whether so many samples up to a number have a state; not while the store is down."""
        sql = (
            "SELECT uniqExact(sample_key) AS n FROM results"
            " WHERE toUInt64OrZero(tags['n']) <= {last:UInt64}"
        )
        try:
            rows = await asyncio.to_thread(self.place.store.query, sql, {"last": last})
        except StoreUnavailable:
            return False
        return int(rows[0]["n"]) >= due

    async def _until(self, good: Callable[[], Awaitable[bool]]) -> bool:
        """Whether it came true in time."""
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                while True:
                    if await good():
                        return True
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            return False

    async def _quiet(self) -> bool:
        """Nothing is unread anywhere, before and after the desk is seen to be idle."""
        return await self._all_read() and await self._desk_idle() and await self._all_read()

    async def _all_read(self) -> bool:
        self.unread = await unread(self.place.settings)
        return self.unread is not None and not any(self.unread.values())

    async def _desk_idle(self) -> bool:
        """The simulated reviewer has all it can do, and its decisions are on Kafka."""
        settings = self.place.settings
        return await asyncio.to_thread(desk_idle, settings, datetime.now(UTC))

    async def _calls(self) -> int:
        """Calls that the model began and did not itself spoil; what was given up is among them."""
        counted = await self.place.model("/control/counts")
        spoilt = sum(counted["failures"].get(kind, 0) for kind in ("400", "500", "garbage"))
        return int(counted["begun"] - spoilt)


def desk_idle(settings: Settings, now: datetime) -> bool:
    """Nothing waits for the simulated reviewer, nobody holds anything, and nothing is unsent."""
    desk = queue.open_desk(settings.desk_database, load_tasks(settings.tasks))
    try:
        people = [each for each in queue.list_accounts(desk) if each.simulated]
        books = queue.books(desk)
        waiting = sum(queue.me(desk, each, now).waiting for each in people)
        return bool(people) and not (waiting or books.states["leased"] or books.unsent)
    finally:
        desk.close()


def _reasons(failed: BaseExceptionGroup[Exception]) -> Iterator[str]:
    """A line for each exception in a group of groups."""
    for each in failed.exceptions:
        if isinstance(each, BaseExceptionGroup):
            yield from _reasons(each)
        else:
            yield " ".join(f"{each}".split()) or type(each).__name__


def _now() -> int:
    return round(time.time() * 1000)


@asynccontextmanager
async def running(folder: Path, drill: Drill, told: list[str]) -> AsyncIterator[Run]:
    """A drill whose rounds may begin."""
    async with site(folder, drill, told) as place:
        sender = Sender(place.settings, folder / "sent.jsonl")
        try:
            run = Run(place, sender, Oracle(place.settings, place.store))
            await run.ready(drill.workers)
            yield run
        finally:
            await sender.close()
