"""What the latency benchmark reads out of a broker's own topic, and the figures it makes of it."""

import struct

import pytest

from benchmarks.latency import committed_at, committed_partition
from benchmarks.rig import percentiles


def key(version: int, group: str, topic: str, partition: int) -> bytes:
    names = b"".join(
        struct.pack(">h", len(name)) + name for name in (group.encode(), topic.encode())
    )
    return struct.pack(">h", version) + names + struct.pack(">i", partition)


@pytest.mark.parametrize("version", [0, 1])
def test_a_commit_of_this_group_on_this_topic_names_its_partition(version: int) -> None:
    assert committed_partition(key(version, "p.sink", "p.results", 3), "p.sink", "p.results") == 3


@pytest.mark.parametrize(
    "foreign",
    [
        key(1, "p.drift", "p.results", 3),
        key(1, "p.sink", "p.samples", 3),
        struct.pack(">hh", 2, 6) + b"p.sink",
    ],
    ids=["another group", "another topic", "about a group, not an offset"],
)
def test_what_is_not_about_it_names_none(foreign: bytes) -> None:
    assert committed_partition(foreign, "p.sink", "p.results") is None


def test_a_row_is_there_with_the_first_commit_past_its_record() -> None:
    commits = {0: [(5, 100.0), (9, 200.0)]}
    assert [committed_at(commits, 0, offset) for offset in (4, 5, 8)] == [100.0, 200.0, 200.0]
    with pytest.raises(IndexError):
        committed_at(commits, 0, 9)


def test_percentiles_are_values_that_were_measured() -> None:
    found = percentiles(float(n) for n in range(100, 0, -1))
    assert found == {"n": 100, "p50": 51.0, "p99": 100.0, "max": 100.0}
    with pytest.raises(ValueError, match="nothing"):
        percentiles([])
