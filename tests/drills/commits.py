"""Every commit ever made, read from `__consumer_offsets`, held against what was done by then.

The record formats are Kafka's `OffsetCommitKey` (versions 0, 1) and `OffsetCommitValue` (0 to 4).

A commit is proven right when each source record below it has its last output on Kafka, appended no
later than the commit: topics stamp with the broker's own clock (LogAppendTime), and so are commits.
All brokers of a drill share one machine's clock, which has a resolution of a millisecond: two
things within the same one count as in order.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

Place = tuple[str, str, int]
"""A group, a topic and a partition of it."""

NEVER = float("inf")


@dataclass(frozen=True)
class Commit:
    """One commit: all below `offset` is done, said the group at `at` (ms, the broker's clock)."""

    group: str
    topic: str
    partition: int
    offset: int
    at: int

    @property
    def place(self) -> Place:
        """What it is about."""
        return self.group, self.topic, self.partition


class Fields:
    """Big-endian fields, taken one after the other."""

    def __init__(self, data: bytes) -> None:
        """Start at the beginning."""
        self._data = data
        self._at = 0

    def number(self, form: str) -> int:
        """The next number, by its `struct` letter."""
        (value,) = struct.unpack_from(f">{form}", self._data, self._at)
        self._at += struct.calcsize(f">{form}")
        return int(value)

    def text(self) -> str:
        """The next string, its length before it in 16 bits."""
        return self._take(self.number("h"))

    def compact_text(self) -> str:
        """The next string, its length plus one before it as a variable-length number."""
        length = shift = 0
        while True:
            byte = self.number("B")
            length |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return self._take(length - 1)

    def _take(self, length: int) -> str:
        end = self._at + max(length, 0)
        if end > len(self._data):
            raise ValueError("a string goes beyond the record")
        found = self._data[self._at : end]
        self._at = end
        return found.decode()


def commit_of(key: bytes | None, value: bytes | None) -> Commit | None:
    """The commit in one record of `__consumer_offsets`; none for its other records.

    Raises:
        ValueError: a version that is not known; the drill must not guess.
    """
    if not key or not value:
        return None
    keys, values = Fields(key), Fields(value)
    if keys.number("h") > 1:
        return None
    place = keys.text(), keys.text(), keys.number("i")
    version = values.number("h")
    if not 0 <= version <= 4:
        raise ValueError(f"OffsetCommitValue version {version} is not known")
    offset = values.number("q")
    if version >= 3:
        values.number("i")
    _ = values.compact_text() if version >= 4 else values.text()
    return Commit(*place, offset, values.number("q"))


def too_early(
    commits: Iterable[Commit], done: Mapping[Place, Mapping[int, float]]
) -> list[tuple[Commit, list[int]]]:
    """The commits that passed unfinished records, each with some of those offsets.

    `done` says for each place when the record at an offset was done (ms); a record that is missing
    there was never done.
    """
    finished = {place: _finished(times) for place, times in done.items()}
    found = []
    for commit in commits:
        by_then = finished.get(commit.place, [])
        if commit.offset == 0 or _all_done(by_then, commit):
            continue
        times = done.get(commit.place, {})
        open_then = [o for o in range(commit.offset) if times.get(o, NEVER) > commit.at]
        found.append((commit, open_then[:5]))
    return found


def _all_done(finished: Sequence[float], commit: Commit) -> bool:
    return commit.offset <= len(finished) and finished[commit.offset - 1] <= commit.at


def _finished(times: Mapping[int, float]) -> list[float]:
    """For each offset the moment when it and all before it were done."""
    last = max(times, default=-1)
    return list(accumulate((times.get(offset, NEVER) for offset in range(last + 1)), max))
