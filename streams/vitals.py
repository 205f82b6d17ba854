"""What one stage process counts about itself since it started."""

import uuid
from collections import deque
from dataclasses import dataclass, field
from itertools import count

LATENCIES = 512


@dataclass
class Spent:
    """What was spent on one task since the last time it was written down.

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
        unsettled: spend by (task, run) that the store has not seen yet.
        note: what the process waits for, empty when all is well.
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
    unsettled: dict[tuple[str, str], Spent] = field(default_factory=dict)
    progressed_at: float = 0.0
    numbers: "count[int]" = field(default_factory=count)

    def spent_on(self, task: str, run: str) -> Spent:
        """Where to add what a call for this task cost."""
        found = self.unsettled.get((task, run))
        if found is None:
            found = self.unsettled[(task, run)] = Spent(next(self.numbers))
        return found
