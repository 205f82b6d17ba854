"""Guards around a broker that forgets: see a loss, and keep `send` from causing one.

The embedded broker drops a partition's oldest records beyond about 5 MB and tells
nobody. A reader that stood before the new beginning has lost what lay between.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

Partition = tuple[str, int]
"""Topic and partition number; aiokafka's `TopicPartition` is one."""

LIMIT_BYTES = 2_000_000
ENVELOPE_BYTES = 2_000
POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Loss:
    """Records of one partition that were gone before one group read them.

    Attributes:
        first: offset of the first lost record.
        last: offset of the last lost record.
    """

    group: str
    topic: str
    partition: int
    first: int
    last: int

    @property
    def records(self) -> int:
        """How many."""
        return self.last - self.first + 1

    def __str__(self) -> str:
        """One line for the ledger."""
        return (
            f"{self.records} records of {self.topic}[{self.partition}] were dropped by the broker "
            f"before {self.group} read them (offsets {self.first} to {self.last})"
        )


def find_losses(
    group: str, begin: Mapping[Partition, int], committed: Mapping[Partition, int | None]
) -> tuple[Loss, ...]:
    """What `group` can no longer read: wherever a partition begins beyond its committed offset.

    Args:
        group: consumer group the commits belong to.
        begin: first offset still there, per partition.
        committed: next offset the group will read; None where it never committed, which counts as
            0 (leave out the partitions of a group that starts at the end).

    >>> [str(loss) for loss in find_losses("tg.judge", {("a", 0): 7, ("a", 1): 3}, {("a", 0): 5})]
    ['2 records of a[0] were dropped by the broker before tg.judge read them (offsets 5 to 6)']
    """
    return tuple(
        Loss(group, topic, number, first=position or 0, last=begin[topic, number] - 1)
        for (topic, number), position in sorted(committed.items())
        if begin.get((topic, number), 0) > (position or 0)
    )


class SendThrottle:
    """Backpressure for a producer: no partition gets far more than its readers have taken.

    It remembers the sizes of the records sent and asks, once they pass the limit, how many are
    still on their way; the newest that many are the unconsumed ones.
    """

    def __init__(
        self,
        in_flight: Callable[[], Awaitable[Mapping[int, int]]],
        limit_bytes: int = LIMIT_BYTES,
        envelope_bytes: int = ENVELOPE_BYTES,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        """Set the limit and where the truth comes from.

        Args:
            in_flight: per partition number, how many records have not left the last stage yet:
                the sum over stages of end offset minus committed offset.
            limit_bytes: unconsumed bytes a partition may hold.
            envelope_bytes: what the stages add to a record on its way.
            poll_seconds: pause between two questions while there is no room.
        """
        self._in_flight = in_flight
        self._limit = limit_bytes
        self._envelope = envelope_bytes
        self._poll = poll_seconds
        self._sizes: dict[int, deque[int]] = {}
        self._bytes: dict[int, int] = {}

    def unconsumed_bytes(self, partition: int) -> int:
        """Bytes sent to `partition` and not known to be consumed."""
        return self._bytes.get(partition, 0)

    async def sent(self, partition: int, size: int) -> None:
        """Count a record of `size` bytes just sent; returns once there is room for another."""
        weight = size + self._envelope
        self._sizes.setdefault(partition, deque()).append(weight)
        self._bytes[partition] = self.unconsumed_bytes(partition) + weight
        while self.unconsumed_bytes(partition) > self._limit:
            self._settle(await self._in_flight())
            if self.unconsumed_bytes(partition) > self._limit:
                await asyncio.sleep(self._poll)

    def _settle(self, in_flight: Mapping[int, int]) -> None:
        """Forget the records that are no longer in flight."""
        for partition, sizes in self._sizes.items():
            while len(sizes) > max(0, in_flight.get(partition, len(sizes))):
                self._bytes[partition] -= sizes.popleft()
