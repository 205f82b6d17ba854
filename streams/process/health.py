"""A stage's heartbeat: every few seconds its vitals become a row, and its spend is settled."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from models.errors import TidegaugeError, Unavailable
from models.rows import HealthRow, Row, SpendRow
from streams.process.metrics import Published
from streams.process.vitals import Vitals
from streams.store.outages import Outages

log = logging.getLogger(__name__)

TELL_SECONDS = 3.0
"""A stop waits no longer for the store, as all of it has to fit in the seconds a stop may take."""


LEAST_SECONDS = 1.0
"""Between two heartbeats, however much is spent."""


class Inserts(Protocol):
    """The part of the store that health needs."""

    async def insert(self, rows: list[Row]) -> None:
        """Store rows of one table."""


@dataclass(frozen=True)
class Pulse:
    """What a heartbeat reads: the vitals, the lag now, and its pace in seconds."""

    vitals: Vitals
    lag: Callable[[], Awaitable[int | None]]
    seconds: float


async def beat(store: Inserts, pulse: Pulse) -> None:
    """Beat for ever; a store that is down costs health rows, never spend."""
    published = Published(pulse.vitals)
    outages = Outages(log, "no heartbeat")
    while True:
        await _next_beat(pulse)
        try:
            await beat_once(store, pulse, published)
        except Unavailable as exc:
            outages.met(exc)
        else:
            outages.over()


async def _next_beat(pulse: Pulse) -> None:
    """Wait for the pace, or until much was spent: whoever dies now takes that along."""
    least = min(LEAST_SECONDS, pulse.seconds)
    await asyncio.sleep(least)
    with suppress(TimeoutError):
        async with asyncio.timeout(pulse.seconds - least):
            await pulse.vitals.due.wait()
    pulse.vitals.due.clear()


async def beat_once(store: Inserts, pulse: Pulse, published: Published) -> None:
    """One heartbeat.

    Raises:
        StoreUnavailable: the store does not answer; the metrics page is up to date all the same.
    """
    lag = await _lag(pulse)
    published.update(lag)
    now = datetime.now(UTC)
    await write_spend(store, pulse.vitals)
    await store.insert([health_row(pulse.vitals, lag, now)])


async def _lag(pulse: Pulse) -> int | None:
    try:
        return await asyncio.wait_for(pulse.lag(), pulse.seconds + 5)
    except Exception as exc:  # the broker is away or partitions move: the lag is unknown then
        log.info("lag unknown: %r", exc)
        return None


def health_row(vitals: Vitals, lag: int | None, now: datetime) -> HealthRow:
    """The vitals as a row."""
    ordered = sorted(vitals.latencies)
    return HealthRow(
        stage=vitals.stage,
        slot=vitals.slot,
        session=vitals.session,
        at=now,
        received=vitals.received,
        emitted=vitals.emitted,
        in_flight=vitals.in_flight,
        lag=lag,
        errors=vitals.errors,
        retries=vitals.retries,
        dead_letters=vitals.dead_letters,
        repeats=vitals.skipped,
        calls=vitals.calls,
        spend_usd=vitals.spend_usd,
        latency_p50_ms=_quantile(ordered, 0.5),
        latency_p99_ms=_quantile(ordered, 0.99),
        breaker=vitals.breaker,
        note=vitals.note,
    )


async def write_spend(store: Inserts, vitals: Vitals) -> None:
    """Have the store know what was spent until now.

    Raises:
        StoreUnavailable: the store does not answer; all it did not acknowledge stays unsettled.
    """
    if rows := spend_rows(vitals):
        await store.insert(list(rows))
        settle(vitals, rows)


async def tell_spend(store: Inserts, vitals: Vitals) -> None:
    """Write what was spent now, for when no heartbeat follows soon, or ever.

    A store that does not take it within `TELL_SECONDS` costs a warning that names the amount.
    """
    try:
        async with asyncio.timeout(TELL_SECONDS):
            while vitals.unsettled:
                await write_spend(store, vitals)
    except (TidegaugeError, TimeoutError) as exc:
        left = sum(spent.usd for spent in vitals.unsettled.values())
        log.warning("the store does not know of $%.4f spent: %s", left, exc or "no answer")


def spend_rows(vitals: Vitals) -> list[SpendRow]:
    """What was spent and is not in the store yet; numbered so that a repeated insert is one row."""
    return [
        SpendRow(
            day=day,
            task=task,
            stage=vitals.stage,
            session=vitals.session,
            number=spent.number,
            run=run,
            usd=spent.usd,
            calls=spent.calls,
            input_tokens=spent.input_tokens,
            output_tokens=spent.output_tokens,
        )
        for (task, run, day), spent in vitals.unsettled.items()
    ]


def settle(vitals: Vitals, rows: list[SpendRow]) -> None:
    """Take what the store now knows out of the unsettled spend."""
    for row in rows:
        old = vitals.unsettled.pop((row.task, row.run, row.day))
        known = vitals.settled.get((row.task, row.day), 0.0)
        vitals.settled[(row.task, row.day)] = known + row.usd
        if old.calls > row.calls or old.usd > row.usd:  # it went on while the row was written
            left = vitals.spent_on(row.task, row.run, row.day)
            left.usd = old.usd - row.usd
            left.calls = old.calls - row.calls
            left.input_tokens = old.input_tokens - row.input_tokens
            left.output_tokens = old.output_tokens - row.output_tokens


def _quantile(ordered: list[float], share: float) -> float | None:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None
