"""How long partitions stand still when one of two workers is killed, on a real Kafka.

    python -m benchmarks.takeover [--rate 60] [--times 3] [--json FILE]

Two `annotate` workers share four partitions under steady traffic. One is killed; its supervisor
starts it again, and as a static member it has its partitions back before anybody else would get
them. A pause is the longest time between two annotations of a partition, by the broker's clock;
beside it stands the longest one before anything was killed.
"""

import argparse
import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.rig import (
    machine,
    real_kafka,
    records_of,
    scratch,
    send,
    stage_processes,
    started,
    stored,
)
from streams.topics import Topics

QUIET_SECONDS, AFTER_SECONDS = 5.0, 15.0
VICTIM = "annotate-1"


async def killed_once(folder: Path, kafka: str, rate: float) -> dict[str, Any]:
    """Pauses by partition, in seconds, before a worker was killed and after."""
    samples = int(rate * (QUIET_SECONDS + AFTER_SECONDS))
    async with started(folder, samples, kafka, workers=2) as running:
        traffic = asyncio.create_task(send(running.settings, "s", samples, rate))
        await asyncio.sleep(QUIET_SECONDS)
        killed = time.time()
        stage_processes()[VICTIM].kill()
        await traffic
        await stored(running.settings, "s", samples)
        topic = Topics.of(running.settings.kafka).annotations
        records = await records_of(running.settings, topic)
    stamps: dict[int, list[float]] = defaultdict(list)
    for record in records:
        if record.key.startswith(b"s-"):
            stamps[record.partition].append(record.timestamp / 1000)
    return {
        "before": pauses(stamps, 0.0, killed),
        "after": pauses(stamps, killed, float("inf")),
    }


def pauses(stamps: Mapping[int, Iterable[float]], since: float, until: float) -> list[float]:
    """The longest pause of each partition that ended in a span of time, the shortest first."""
    longest = [
        max((b - a for a, b in pairwise(sorted(each)) if since < b <= until), default=0.0)
        for each in stamps.values()
    ]
    return sorted(round(each, 2) for each in longest)


async def measured(rate: float, times: int, folder: Path) -> dict[str, Any]:
    with real_kafka(folder / "kafka") as kafka:
        runs = [await killed_once(folder / f"run-{n}", kafka, rate) for n in range(times)]
    return {"machine": machine(), "rate": rate, "runs": runs}


def report(found: dict[str, Any]) -> str:
    lines = [f"machine: {found['machine']}; {found['rate']:g} samples/s, two workers"]
    for run in found["runs"]:
        lines.append(f"longest pause by partition, s: before {run['before']}, after {run['after']}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=60.0)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with scratch() as folder:
        found = asyncio.run(measured(options.rate, options.times, folder))
    print(report(found))
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
