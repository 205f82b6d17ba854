"""What one stage process counts about itself since it started."""

import asyncio
import uuid
from collections import deque
from dataclasses import dataclass, field
from datetime import date
from itertools import count

LATENCIES = 512


@dataclass
class Spent:
    """What was spent on one task on one UTC day since the last time it was written down.

    Attributes:
        number: of the row that will say so; the same until the store has it.
    """

    number: int

    usd: float = 0.0
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


@dataclass
class Vitals:
    """Counts since the start of this process; written as health rows and Prometheus metrics.

    Attributes:
        session: a new one for each start, so that counts of two lives are never mixed.
        skipped: records whose outputs a former life had stored: found in the tail, not redone.
        latencies: the last answers' milliseconds.
        due: set when so much is unsettled that the store shall know before the next heartbeat.
        unsettled: spend by (task, run, UTC day) that the store has not acknowledged yet.
        settled: dollars by (task, UTC day) that it has.
        note: what the process waits for, empty when all is well.
        progressed_at: when a record was last acknowledged or a batch done (monotonic seconds).
        waited_at: when something outside was last known to be waited for.
        fatal: what the process ends of, as soon as that is known.
    """

    stage: str
    slot: str
    session: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    received: int = 0
    emitted: int = 0
    in_flight: int = 0
    errors: int = 0
    retries: int = 0
    dead_letters: int = 0
    skipped: int = 0
    calls: int = 0
    spend_usd: float = 0.0
    breaker: str = "closed"
    note: str = ""
    latencies: deque[float] = field(default_factory=lambda: deque(maxlen=LATENCIES))
    due: asyncio.Event = field(default_factory=asyncio.Event)
    unsettled: dict[tuple[str, str, date], Spent] = field(default_factory=dict)
    settled: dict[tuple[str, date], float] = field(default_factory=dict)
    progressed_at: float = 0.0
    waited_at: float = 0.0
    fatal: Exception | None = None
    numbers: "count[int]" = field(default_factory=count)

    def spent_on(self, task: str, run: str, day: date) -> Spent:
        """Where to add what a call for this task cost on this UTC day."""
        found = self.unsettled.get((task, run, day))
        if found is None:
            found = self.unsettled[(task, run, day)] = Spent(next(self.numbers))
        return found

    def waits(self, reason: str, at: float) -> None:
        """Note a wait for something outside, at `at` monotonic seconds."""
        self.note = reason
        self.waited_at = at
