"""From one worker a stage to two, on a real Kafka, with a model that takes 50 ms to answer.

    python -m benchmarks.scale_out [--samples 3000] [--latency-ms 50] [--json FILE]

Every worker may have 4 calls at once, so one `annotate` can do no more than 4 / 50 ms = 80 samples
a second, and two no more than 160: the measurement asks how much of that the pipeline gives, not
how fast the machine is. A slower model asks the same of a machine that has other work. Time is from
the first send to the last row, everything at work beforehand.
"""

import argparse
import asyncio
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.rig import (
    change_model,
    cpu,
    machine,
    real_kafka,
    scratch,
    send,
    stage_processes,
    started,
    stored,
)

CONCURRENCY = 4
WORKERS = (1, 2)


@dataclass(frozen=True)
class Load:
    """How many samples, and how long the model takes for a call."""

    samples: int
    latency_ms: float


async def with_workers(folder: Path, kafka: str, workers: int, load: Load) -> dict[str, Any]:
    """Samples per second with that many workers of each stage, and the CPU each used."""
    samples, model = load.samples, {"concurrency": CONCURRENCY}
    async with started(folder, samples, kafka, workers, model=model) as running:
        change_model(running.settings, latency_ms=load.latency_ms)
        processes = stage_processes()
        before = {name: cpu(process) for name, process in processes.items()}
        began = time.monotonic()
        await send(running.settings, "s", samples)
        await stored(running.settings, "s", samples)
        seconds = time.monotonic() - began
        used = {name: cpu(process) - before[name] for name, process in processes.items()}
    return {
        "workers": workers,
        "per_second": samples / seconds,
        "most": workers * CONCURRENCY * 1000 / load.latency_ms,
        "cores": {name: round(spent / seconds, 3) for name, spent in sorted(used.items())},
    }


async def measured(load: Load, folder: Path) -> dict[str, Any]:
    """One worker a stage, then two, each with a store of its own."""
    with real_kafka(folder / "kafka") as kafka:
        runs = [
            await with_workers(folder / f"workers-{workers}", kafka, workers, load)
            for workers in WORKERS
        ]
    ratio = runs[-1]["per_second"] / runs[0]["per_second"]
    return {"machine": machine(), **asdict(load), "runs": runs, "ratio": ratio}


def report(found: dict[str, Any]) -> str:
    asked = f"{found['samples']} samples, {found['latency_ms']:g} ms a call"
    lines = [f"machine: {found['machine']}; {asked}"]
    for run in found["runs"]:
        cores = ", ".join(f"{name} {used:.2f}" for name, used in run["cores"].items())
        lines += [
            f"{run['workers']} a stage: {run['per_second']:.0f}/s of at most {run['most']:.0f}/s",
            f"  cores: {cores}",
        ]
    return "\n".join([*lines, f"ratio: {found['ratio']:.2f}"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=3000)
    parser.add_argument("--latency-ms", type=float, default=50.0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with scratch() as folder:
        found = asyncio.run(measured(Load(options.samples, options.latency_ms), folder))
    print(report(found))
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
