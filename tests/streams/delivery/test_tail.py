"""What a former life had finished, read from a stand-in for a topic's end."""

import asyncio
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition

from streams.delivery.tail import LAST, SOURCE, Tails

Log = Mapping[TopicPartition, Sequence[bytes | None]]
"""Per partition the input position each record is the last output of, none for earlier outputs."""


class Reader:
    """A consumer without a group; counts how many were started and stopped."""

    started = stopped = 0

    def __init__(self, log: Log, stuck: frozenset[int] = frozenset()) -> None:
        self.log, self.stuck = log, stuck
        self.at: dict[TopicPartition, int] = {}

    async def start(self) -> None:
        Reader.started += 1

    async def stop(self) -> None:
        Reader.stopped += 1

    def assign(self, wanted: Sequence[TopicPartition]) -> None:
        self.at = dict.fromkeys(wanted, 0)

    async def beginning_offsets(self, wanted: Sequence[TopicPartition]) -> Any:
        return dict.fromkeys(wanted, 0)

    async def end_offsets(self, wanted: Sequence[TopicPartition]) -> Any:
        return {tp: len(self.log.get(tp, ())) for tp in wanted}

    def seek(self, tp: TopicPartition, offset: int) -> None:
        self.at[tp] = offset

    async def position(self, tp: TopicPartition) -> int:
        return self.at[tp]

    async def getmany(self, *wanted: TopicPartition, timeout_ms: int) -> Any:
        await asyncio.sleep(0)
        got = {}
        for tp in wanted:
            if tp.partition not in self.stuck:
                got[tp] = [record(position) for position in self.log[tp][self.at[tp] :][:2]]
                self.at[tp] += len(got[tp])
        return got


def record(position: bytes | None) -> Any:
    headers = [(SOURCE, b"early" if position is None else position)]
    return SimpleNamespace(headers=headers if position is None else [*headers, (LAST, b"1")])


@pytest.fixture(autouse=True)
def _counted_anew() -> None:
    Reader.started = Reader.stopped = 0


LOG: Log = {
    TopicPartition("out", 0): [b"a", None, b"b", b"c"],
    TopicPartition("dead", 0): [b"d"],
    TopicPartition("out", 1): [b"e"],
}


async def test_one_client_reads_the_tails_of_all_partitions() -> None:
    tails = Tails(lambda: Reader(LOG), ("out", "dead"), 3)
    tails.assigned([0, 1, 2])
    assert await tails.of(0) == {b"b", b"c", b"d"}, "only the last outputs of the newest records"
    assert await tails.of(1) == {b"e"}
    assert await tails.of(2) == set()
    await asyncio.sleep(0)
    assert (Reader.started, Reader.stopped) == (1, 1)


async def test_a_partition_need_not_wait_for_the_others() -> None:
    tails = Tails(lambda: Reader(LOG, stuck=frozenset({0})), ("out", "dead"), 3)
    tails.assigned([0, 1])
    assert await tails.of(1) == {b"e"}
    assert not tails.of(0).done()
    before = tails.of(0)
    tails.assigned([])
    assert await before == set(), "whoever waits goes on when the partitions move"


async def test_a_tail_that_cannot_be_read_costs_repeats_only(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken() -> Any:
        raise ConnectionError("no broker")

    tails = Tails(broken, ("out",), 3)
    assert await tails.of(0) == set()
    assert "answers may repeat" in caplog.text


async def test_reading_no_tail_asks_nobody() -> None:
    tails = Tails(lambda: Reader(LOG), ("out",), 0)
    assert await tails.of(0) == set()
    assert Reader.started == 0
