"""Latency from produce to row on a real Kafka, hop by hop, at half of what the instance sustains.

    python -m benchmarks.latency [--rate N] [--seconds 15] [--arm LINGER_MS,BATCH_MS …] [--json F]

The scripted model answers at once, so all of it is added by the pipeline and the machine. A hop
ends when the next stage makes its record (that record's Kafka timestamp), the last one when the
sink has committed past the result: its rows can be read by then. Both are found on the topics after
the run; nothing is asked of the store or the broker meanwhile. Each arm is an instance of its own.
"""

import argparse
import asyncio
import json
import struct
import time
from bisect import bisect_right
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks.rig import (
    books,
    cpu,
    machine,
    percentiles,
    real_kafka,
    records_of,
    scratch,
    send,
    stage_processes,
    started,
    store_process,
    stored,
)
from models.settings import Settings
from streams.delivery.kafka import group_of
from streams.embedded.instance import Instance
from streams.store.client import connect_sync
from streams.topics import Topics

FULL_SPEED = 4000
BOOKS = ("samples", "results", "reviews", "first_records")
HOPS = ("annotate", "judge", "route", "sink", "all")
ARMS = ((5.0, 500), (0.0, 500), (0.0, 10))
WEIGHED = """
    SELECT table, sum(data_compressed_bytes) AS stored, sum(data_uncompressed_bytes) AS plain
    FROM system.parts WHERE active AND database = {database:String} GROUP BY table ORDER BY table"""
Commits = dict[int, list[tuple[int, float]]]
"""By partition: offsets committed and when, in milliseconds since the epoch."""


async def sustained(running: Instance) -> float:
    """Samples per second at full speed, from the first send to the last row."""
    began = time.monotonic()
    await send(running.settings, "full", FULL_SPEED)
    await stored(running.settings, "full", FULL_SPEED)
    return FULL_SPEED / (time.monotonic() - began)


async def at_rate(running: Instance, rate: float, seconds: float) -> dict[str, Any]:
    """Hops of samples sent at a steady rate, and what the processes used meanwhile."""
    processes = {**stage_processes(), "store": store_process()}
    before = {name: cpu(process) for name, process in processes.items()}
    count = int(rate * seconds)
    await send(running.settings, "l", count, rate)
    used = {name: cpu(process) - before[name] for name, process in processes.items()}
    await stored(running.settings, "l", count)
    cores = {name: round(spent / seconds, 3) for name, spent in used.items()}
    return {"hops": await hops(running.settings, "l"), "cores": cores}


async def hops(settings: Settings, name: str) -> dict[str, dict[str, float]]:
    """Milliseconds by hop, over all samples of that name."""
    topics = Topics.of(settings.kafka)
    made = [
        {record.key: record for record in await records_of(settings, topic)}
        for topic in (topics.samples, topics.annotations, topics.verdicts, topics.results)
    ]
    commits = await commits_of(settings, group_of(settings.kafka, "sink"), topics.results)
    spent: dict[str, list[float]] = {hop: [] for hop in HOPS}
    for key, result in made[-1].items():
        if key.startswith(f"{name}-".encode()):
            row = committed_at(commits, result.partition, result.offset)
            moments = [topic[key].timestamp for topic in made] + [row]
            for hop, begin, end in zip(HOPS, moments, moments[1:], strict=False):
                spent[hop].append(end - begin)
            spent["all"].append(moments[-1] - moments[0])
    return {hop: percentiles(values) for hop, values in spent.items()}


def committed_at(commits: Commits, partition: int, offset: int) -> float:
    """When the commit that first covered an offset was stored."""
    found = commits[partition]
    place = bisect_right(found, offset, key=lambda commit: commit[0])
    return found[place][1]


async def weights(settings: Settings) -> dict[str, dict[str, float]]:
    """Bytes a sample comes to: on each topic (keys, values, headers), and in each table."""
    topics = Topics.of(settings.kafka)
    sizes = {topic: sum(map(size, await records_of(settings, topic))) for topic in topics.all}
    with closing(connect_sync(settings.clickhouse)) as store:
        samples = books(store).samples_in
        for table in BOOKS:
            store.command(f"OPTIMIZE TABLE {table} FINAL")
        rows = store.query(WEIGHED, {"database": settings.clickhouse.database})
    return {
        "topics": {topic: round(found / samples) for topic, found in sizes.items() if found},
        "tables": {row["table"]: round(row["stored"] / samples) for row in rows},
        "tables_uncompressed": {row["table"]: round(row["plain"] / samples) for row in rows},
    }


def size(record: Any) -> int:
    """A record's bytes, without what the log adds."""
    headers = sum(len(name) + len(value) for name, value in record.headers)
    return len(record.key or b"") + len(record.value or b"") + headers


async def commits_of(settings: Settings, group: str, topic: str) -> Commits:
    """Every commit a group ever made on a topic, in order of offset."""
    commits: Commits = {}
    for record in await records_of(settings, "__consumer_offsets"):
        where = committed_partition(record.key, group, topic)
        if where is not None and record.value is not None:
            (offset,) = struct.unpack_from(">q", record.value, 2)
            commits.setdefault(where, []).append((offset, record.timestamp))
    return {partition: sorted(found) for partition, found in commits.items()}


def committed_partition(key: bytes, group: str, topic: str) -> int | None:
    """The partition that a record of `__consumer_offsets` is about, if this group's and topic's.

    Source: `OffsetCommitKey.json` of Apache Kafka, versions 0 and 1: version, group, topic and
    partition; later ones are not about offsets.
    """
    version, length = struct.unpack_from(">hh", key)
    if version > 1:
        return None
    at = 4 + length
    (more,) = struct.unpack_from(">h", key, at)
    names = key[4:at].decode(), key[at + 2 : at + 2 + more].decode()
    (partition,) = struct.unpack_from(">i", key, at + 2 + more)
    return int(partition) if names == (group, topic) else None


async def arm(
    folder: Path, kafka: str, delivery: Mapping[str, float], rate: float, seconds: float
) -> dict[str, Any]:
    """One instance with these delivery settings; with no rate it finds its own first."""
    async with started(folder, FULL_SPEED, kafka, delivery=delivery) as running:
        full = 0.0 if rate else await sustained(running)
        found = await at_rate(running, rate or full / 2, seconds)
        with closing(connect_sync(running.settings.clickhouse)) as store:
            found["balanced"] = books(store).balanced
        found["bytes"] = await weights(running.settings)
    return {**delivery, "full_speed": full, "rate": rate or full / 2, **found}


async def measured(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Every arm at one rate: half of what the first one sustains, unless one is given."""
    rate, arms = options.rate, []
    with real_kafka(folder / "kafka") as kafka:
        for number, (linger, batch) in enumerate(options.arm or ARMS):
            delivery = {"linger_ms": linger, "batch_ms": int(batch)}
            arms.append(await arm(folder / f"arm-{number}", kafka, delivery, rate, options.seconds))
            rate = rate or arms[0]["rate"]
            print(report(arms[-1]), flush=True)
    return {"machine": machine(), "arms": arms}


def report(found: Mapping[str, Any]) -> str:
    lines = [
        f"linger {found['linger_ms']:g} ms, batch {found['batch_ms']} ms, {found['rate']:.0f}/s"
        + (f" (half of {found['full_speed']:.0f}/s)" if found["full_speed"] else "")
    ]
    for hop, at in found["hops"].items():
        lines.append(f"  {hop:9} p50 {at['p50']:6.1f} ms  p99 {at['p99']:6.1f} ms")
    cores = ", ".join(f"{name} {used:.2f}" for name, used in found["cores"].items())
    lines.append(f"  cores: {cores}")
    for what, weighed in found["bytes"].items():
        shown = ", ".join(f"{name} {count}" for name, count in weighed.items())
        lines.append(f"  bytes a sample, {what}: {sum(weighed.values())} ({shown})")
    return "\n".join(lines)


def an_arm(given: str) -> tuple[float, int]:
    linger, batch = given.split(",")
    return float(linger), int(batch)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=0.0, help="samples/s; none: half of its most")
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--arm", type=an_arm, nargs="*", metavar="LINGER_MS,BATCH_MS")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with scratch() as folder:
        found = asyncio.run(measured(options, folder))
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
