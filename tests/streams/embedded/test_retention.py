import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.embedded.retention import SendThrottle, find_losses

offsets = st.integers(0, 1000)


@given(begin=offsets, committed=st.none() | offsets)
def test_a_loss_is_exactly_what_lies_before_the_beginning(
    begin: int, committed: int | None
) -> None:
    losses = find_losses("g", {("t", 0): begin}, {("t", 0): committed})
    assert sum(loss.records for loss in losses) == max(0, begin - (committed or 0))


def test_losses_name_group_topic_partition_and_offsets() -> None:
    losses = find_losses("tg.sink", {("r", 1): 5, ("r", 0): 9}, {("r", 0): 2, ("r", 1): 5})
    assert [str(loss) for loss in losses] == [
        "7 records of r[0] were dropped by the broker before tg.sink read them (offsets 2 to 8)"
    ]


def test_a_partition_without_a_known_beginning_has_lost_nothing_known() -> None:
    assert find_losses("g", {}, {("t", 0): 3}) == ()


class Readers:
    """Readers that take `pace` records from each partition whenever they are asked about."""

    def __init__(self, pace: int) -> None:
        self.waiting = {0: 0, 1: 0}
        self.most = 0
        self.pace = pace

    async def in_flight(self) -> dict[int, int]:
        self.most = max(self.most, *self.waiting.values())
        self.waiting = {at: max(0, n - self.pace) for at, n in self.waiting.items()}
        return self.waiting


async def test_no_partition_holds_more_than_the_limit_and_all_is_sent() -> None:
    readers = Readers(pace=7)
    throttle = SendThrottle(readers.in_flight, 1_000, envelope_bytes=20, poll_seconds=0)
    for number in range(500):
        readers.waiting[number % 2] += 1
        await throttle.sent(number % 2, 80)
        assert throttle.unconsumed_bytes(number % 2) <= 1_000
    assert 10 <= readers.most <= 11


async def test_while_nothing_is_read_the_sender_waits() -> None:
    readers = Readers(pace=0)
    readers.waiting[0] = 2
    throttle = SendThrottle(readers.in_flight, 150, envelope_bytes=0, poll_seconds=0)
    await throttle.sent(0, 100)
    waiting = asyncio.ensure_future(throttle.sent(0, 100))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(waiting), 0.05)
    readers.pace = 1
    await asyncio.wait_for(waiting, 5)


async def test_within_the_limit_nobody_is_asked() -> None:
    async def unreachable() -> dict[int, int]:
        raise AssertionError("asked for nothing")

    throttle = SendThrottle(unreachable, 1_000, envelope_bytes=0)
    for _ in range(10):
        await throttle.sent(0, 100)
