"""What a drill does, as plain values: rounds of traffic, and faults at stated moments in each.

Nothing here touches a process; `faults.py` knows how each kind of fault is made.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from streams.topics import STAGES

Kind = Literal[
    "kill_worker",
    "stop_worker",
    "join",
    "lose_brokers",
    "restart_brokers",
    "stop_store",
    "freeze_store",
    "fill_store",
    "model",
    "clocks",
]


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        at: seconds since the round began.
        lasts: seconds until it is mended; 0 where mending is not ours (a killed worker).
        what: what the kind needs to know, such as a stage or fields of the model's script.
    """

    at: float
    kind: Kind
    lasts: float = 0.0
    what: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Round:
    """Traffic with faults in it, after which all must be well again.

    Attributes:
        samples: new samples sent, evenly over `seconds`; duplicates and poison come on top.
        late: how many samples of earlier rounds are sent again, stamped hours later.
        refused: how many samples the model refuses are sent in one piece at `burst_at`.
    """

    name: str
    seconds: float
    samples: int
    faults: tuple[Fault, ...] = ()
    late: int = 0
    refused: int = 0
    burst_at: float = 0.0


@dataclass(frozen=True)
class Drill:
    """Rounds on one cluster of so many brokers.

    Attributes:
        workers: processes of each stage.
        own_disk: the store's data lies on a disk of its own, if this process may mount one.
    """

    nodes: int
    rounds: tuple[Round, ...]
    workers: int = 2
    own_disk: bool = False


def storm(seconds: float, every: float, seed: int) -> Iterator[Fault]:
    """Random kills and stops of random stages, about one in `every` seconds.

    >>> faults = list(storm(20, 2, seed=1))
    >>> 8 <= len(faults) <= 13, {fault.kind for fault in faults} == {"kill_worker", "stop_worker"}
    (True, True)
    """
    chance = random.Random(seed)
    at = every / 2
    while at < seconds:
        kind: Kind = chance.choice(("kill_worker", "kill_worker", "stop_worker"))
        yield Fault(at, kind, what={"stage": chance.choice(STAGES), "pick": chance.random()})
        at += every * chance.uniform(0.8, 1.2)


def outages(scale: float) -> tuple[Round, ...]:
    """A round for each thing that can fail beside workers and brokers; `scale` stretches them."""
    s = scale
    return (
        Round(
            "model down, slow, 30 % errors, 429s, garbage, refusals at a half-open breaker",
            seconds=28 * s,
            samples=round(200 * s),
            faults=(
                Fault(1 * s, "model", 5 * s, {"down": True}),
                Fault(7 * s, "model", 4 * s, {"latency_ms": 9000.0}),
                Fault(12 * s, "model", 4 * s, {"error_rate": 0.3}),
                Fault(17 * s, "model", 4 * s, {"rate_limit": 5}),
                Fault(22 * s, "model", 4 * s, {"garbage_rate": 0.3}),
            ),
            refused=12,
            burst_at=2 * s,
        ),
        Round(
            "store down",
            seconds=14 * s,
            samples=round(140 * s),
            faults=(Fault(1, "stop_store", 10 * s),),
        ),
        Round(
            "store's disk full",
            seconds=10 * s,
            samples=round(100 * s),
            faults=(Fault(1, "fill_store", 6 * s),),
        ),
        Round(
            "rebalances with calls in flight",
            seconds=16 * s,
            samples=round(160 * s),
            faults=(
                Fault(0, "model", 15 * s, {"latency_ms": 700.0}),
                Fault(1, "join", 6 * s, {"stage": "annotate"}),
                Fault(2, "join", 9 * s, {"stage": "judge"}),
            ),
        ),
        Round(
            "clocks jump, samples again hours later",
            seconds=8 * s,
            samples=round(80 * s),
            faults=(
                Fault(1, "clocks", 2 * s, {"seconds": 7200.0}),
                Fault(4 * s, "clocks", 2 * s, {"seconds": -7200.0}),
            ),
            late=round(60 * s),
        ),
    )


def short() -> Drill:
    """Every fault once, in less than five minutes."""
    brokers = (
        Fault(1, "lose_brokers", 3, {"nodes": (2,)}),
        Fault(8, "lose_brokers", 3, {"nodes": (1, 3)}),
        Fault(15, "restart_brokers", what={"nodes": (1, 2, 3)}),
    )
    return Drill(
        nodes=3,
        rounds=(
            Round("workers killed", 25, 450, tuple(storm(25, 2, seed=11))),
            Round("brokers lost: one, two, all one by one", 22, 220, brokers),
            *outages(1.0),
        ),
    )


def long() -> tuple[Drill, ...]:
    """Every fault for longer, 20,000 samples and more: first on one broker, then on three."""
    alone = Drill(
        nodes=1,
        rounds=(
            Round("workers killed, one broker", 150, 4500, tuple(storm(150, 4, seed=21))),
            Round(
                "the only broker killed and restarted",
                60,
                1200,
                tuple(Fault(at, "lose_brokers", 8, {"nodes": (1,)}) for at in (5, 25, 45)),
            ),
        ),
    )
    one = tuple(Fault(5 + 18 * n, "lose_brokers", 6, {"nodes": (1 + n % 3,)}) for n in range(5))
    two = tuple(Fault(5 + 25 * n, "lose_brokers", 8, {"nodes": (1 + n, 3)}) for n in range(2))
    rolling = tuple(Fault(5 + 40 * n, "restart_brokers", what={"nodes": (3, 1, 2)}) for n in (0, 1))
    three = Drill(
        nodes=3,
        rounds=(
            Round("workers killed", 240, 7200, tuple(storm(240, 4, seed=31))),
            Round("one broker of three lost", 100, 2000, one),
            Round("two brokers of three lost", 60, 1200, two),
            Round("brokers restarted one by one", 90, 1800, rolling),
            Round(
                "everything at once",
                90,
                1800,
                (
                    *storm(90, 5, seed=41),
                    Fault(10, "lose_brokers", 8, {"nodes": (2,)}),
                    Fault(30, "stop_store", 20),
                    Fault(55, "model", 10, {"error_rate": 0.3, "garbage_rate": 0.1}),
                ),
            ),
            Round("store frozen", 60, 600, (Fault(2, "freeze_store", 45),)),
            Round("store down for minutes", 140, 1400, (Fault(2, "stop_store", 125),)),
            *outages(3.0),
        ),
    )
    return alone, three
