"""What the store's questions cost as history grows: per batch, per look, per start.

    python -m benchmarks.store [--millions 0.1 1 5]

On the embedded engine: the lookup of 2,000 keys among first records (half known, half new), what
annotate and judge ask every two seconds (controls, spend), and what a stage asks when it starts.
Median milliseconds of one question, and the engine's CPU milliseconds.
"""

import argparse
import asyncio
import json
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import psutil

from models.rows import MAX_PRECEDENCE
from models.settings import ClickHouse
from streams.embedded.announce import read_announcement
from streams.store import calibrators, controls, snapshots, spend, versions
from streams.store.client import AsyncStore, Store, connect, connect_sync
from streams.store.first_records import FirstRecords
from streams.store.schema import migrate

KEYS = 2000
TIMES = 15
START_SECONDS = 60
INSERTED_AT_ONCE = 100_000
"""First records of one filling insert: parts lie as a running sink leaves them."""

FILL = """
    INSERT INTO first_records
    SELECT 'samples', reinterpretAsUInt128(MD5(toString(number))), at, at,
           {most:UInt128} - bitShiftLeft(toUInt128(number), 32)
    FROM (SELECT number, toDateTime64('2026-01-01 00:00:00', 3, 'UTC')
                 + toIntervalSecond(number) AS at
          FROM numbers({start:UInt64}, {count:UInt64}))"""
KNOWN = """
    SELECT key FROM first_records WHERE cityHash64(key, {seed:UInt32}) % {part:UInt64} = 0
    LIMIT {count:UInt32}"""
SPENT = """
    INSERT INTO spend
    SELECT toDate('2026-01-01') + intDiv(number, 20000) AS day, 'messages', 'annotate',
           toString(intDiv(number, 5000)), number, '', 0.001, 1, 10, 10
    FROM numbers({start:UInt64}, {count:UInt64})"""


@contextmanager
def engine(folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    """An embedded engine: its address and its process."""
    announcement = folder / "announcement.json"
    program = [sys.executable, "-m", "streams.embedded.clickhouse"]
    arguments = ["--data", str(folder / "data"), "--announce", str(announcement)]
    with subprocess.Popen([*program, *arguments], stdin=subprocess.PIPE) as process:
        try:
            end = time.monotonic() + START_SECONDS
            while (facts := read_announcement(announcement)) is None:
                if time.monotonic() > end or process.poll() is not None:
                    sys.exit("the engine does not start")
                time.sleep(0.05)
            yield f"http://127.0.0.1:{facts['port']}", psutil.Process(process.pid)
        finally:
            process.terminate()


def fill(store: Store, have: int, wanted: int) -> None:
    """Add first records, and a row of spend for every fifth."""
    for start in range(have, wanted, INSERTED_AT_ONCE):
        part = {"start": start, "count": min(INSERTED_AT_ONCE, wanted - start)}
        store.command(FILL, part | {"most": MAX_PRECEDENCE})
        store.command(SPENT, {"start": start // 5, "count": part["count"] // 5})


async def timed(work: Callable[[int], Awaitable[object]], process: psutil.Process) -> list[float]:
    """Median milliseconds of one go, and the engine's CPU milliseconds of one."""
    took = []
    await work(0)
    before = sum(process.cpu_times()[:2])
    for number in range(1, TIMES + 1):
        start = time.perf_counter()
        await work(number)
        took.append(time.perf_counter() - start)
    cpu = (sum(process.cpu_times()[:2]) - before) / TIMES
    return [round(1000 * median(took), 1), round(1000 * cpu, 1)]


async def measured(
    store: Store, asked: AsyncStore, process: psutil.Process, rows: int
) -> dict[str, list[float]]:
    """Each question's milliseconds and CPU milliseconds."""
    batches = [_keys(store, seed, rows) for seed in range(TIMES + 1)]
    moment = datetime(2026, 1, 1, 12, tzinfo=UTC)
    questions: dict[str, Callable[[int], Awaitable[object]]] = {
        f"first records, {KEYS} keys": lambda n: FirstRecords(asked).contested(batches[n]),
        "controls": lambda _: controls.latest(asked),
        "spend of a day": lambda _: spend.today(asked, moment),
        "snapshots": lambda _: snapshots.load(asked, [("messages", "")]),
        "calibrator": lambda n: calibrators.load(asked, str(n)),
        "versions": lambda n: asked.query(versions.SQL, {"kind": "task", "name": str(n)}),
    }
    return {name: await timed(question, process) for name, question in questions.items()}


def _keys(store: Store, seed: int, rows: int) -> list[tuple[str, int]]:
    part = {"seed": seed, "part": max(1, rows // KEYS), "count": KEYS // 2}
    known = [row["key"] for row in store.query(KNOWN, part)]
    new = [(seed << 64) + number * 2**100 for number in range(1, KEYS - len(known) + 1)]
    return [("samples", key) for key in (*known, *new)]


async def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--millions", type=float, nargs="+", default=[0.1, 1.0])
    options = parser.parse_args()
    found: dict[str, object] = {"python": platform.python_version()}
    with tempfile.TemporaryDirectory() as folder, engine(Path(folder)) as (url, process):
        where = ClickHouse(url=url)
        store, have = connect_sync(where), 0
        migrate(store)
        asked = await connect(where)
        for millions in sorted(options.millions):
            rows = round(millions * 1_000_000)
            fill(store, have, rows)
            have = rows
            found[f"{millions} million"] = await measured(store, asked, process, rows)
        await asked.aclose()
        store.close()
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    asyncio.run(main())
