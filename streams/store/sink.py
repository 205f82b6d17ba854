"""The sink: batches of Kafka records into tables, each record's first position winning.

The first position of a key on its topic is recorded before any row of that key is written, so a
batch may be written again after a crash at any point, alone or among others, today or in a year:
rows of the first position fall together (`ReplacingMergeTree`), all others are repeats.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from models.errors import InvalidRecord
from models.rows import DeadLetterRow, FirstRow, RepeatRow, SampleRow, precedence
from streams.delivery.records import Incoming
from streams.intake import SampleForm
from streams.store.client import AsyncStore
from streams.store.errors import Refused
from streams.store.first_records import FirstKey, FirstRecords, number_of
from streams.store.writer import (
    KINDS,
    Entry,
    Kind,
    bare,
    claimed_identity,
    entry_of,
    event_time_of,
    identity_of,
    letter_of,
)
from streams.topics import Topics

PORTION_BYTES = 16 * 1024 * 1024
"""How much one insert carries, give or take one record."""

Item = TypeVar("Item")


@dataclass(frozen=True)
class Written:
    """What became of a batch; its sum is the batch."""

    stored: int = 0
    repeats: int = 0
    letters: int = 0


@dataclass
class SortedOut:
    """A batch's entries: those at the first position of their key, and the repeats."""

    firsts: list[FirstRow] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    repeats: list[RepeatRow] = field(default_factory=list)


class Sink:
    """Writes batches; the caller repeats a batch until it is written."""

    def __init__(
        self, store: AsyncStore, topics: Topics, form: SampleForm, clock: Callable[[], datetime]
    ) -> None:
        """Bind to the store; `clock` tells when rows are stored, and decides nothing else."""
        self._store = store
        self._kinds: Mapping[str, Kind] = {getattr(topics, kind): kind for kind in KINDS}
        self._form = form
        self._clock = clock
        self._firsts = FirstRecords(store)

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics it stores."""
        return tuple(self._kinds)

    async def write(self, records: Sequence[Incoming]) -> Written:
        """Store a batch; returns when all of it can be read.

        Raises:
            StoreUnavailable: the batch is to be written again, whatever of it was stored.
            ConfigurationError: the tables are not there.
        """
        stored_at = self._clock()
        entries, letters = self._read(records, stored_at)
        known = await self._firsts.known(map(name_of, entries))
        found = sort_out(entries, known, stored_at)
        await self._firsts.record(found.firsts)
        for kind in KINDS:
            same = [entry for entry in found.entries if entry.kind == kind]
            for portion in portions(same, lambda entry: len(entry.record.value)):
                letters += await self._insert(portion, stored_at)
        for part in portions(letters, lambda letter: len(letter.body)):
            await self._store.insert(part)
        await self._store.insert(found.repeats)
        repeats = len(found.repeats)
        return Written(len(records) - repeats - len(letters), repeats, len(letters))

    def _read(
        self, records: Sequence[Incoming], stored_at: datetime
    ) -> tuple[list[Entry], list[DeadLetterRow]]:
        entries: list[Entry] = []
        letters: list[DeadLetterRow] = []
        for record in records:
            try:
                kind = self._kinds[record.source.topic]
                entries.append(entry_of(kind, record, self._form, stored_at))
            except InvalidRecord as exc:
                letters.append(letter_of(record, claimed_identity(record), exc, stored_at))
        return entries, letters

    async def _insert(self, entries: Sequence[Entry], stored_at: datetime) -> list[DeadLetterRow]:
        """Insert entries of one table; one that the store refuses is found by halving."""
        try:
            await self._store.insert([entry.row for entry in entries])
        except Refused as exc:
            if len(entries) > 1:
                half = len(entries) // 2
                left = await self._insert(entries[:half], stored_at)
                return left + await self._insert(entries[half:], stored_at)
            entry = entries[0]
            if isinstance(entry.row, SampleRow):
                await self._store.insert([bare(entry.row)])
            return [letter_of(entry.record, identity_of(entry), exc, stored_at)]
        return []


def sort_out(
    entries: Sequence[Entry], known: Mapping[FirstKey, int], stored_at: datetime
) -> SortedOut:
    """Tell first records from repeats: an entry at the known first position is no repeat."""
    firsts = dict(known)
    found = SortedOut()
    for entry in entries:
        name = name_of(entry)
        own = precedence(entry.record.source)
        if name not in firsts:
            firsts[name] = own
            found.firsts.append(_first_row(name, entry, own, stored_at))
        if firsts[name] == own:
            found.entries.append(entry)
        else:
            found.repeats.append(_repeat_row(entry, own, stored_at))
    return found


def name_of(entry: Entry) -> FirstKey:
    """What an entry is looked up by among first records."""
    return entry.kind, number_of(entry.key)


def portions(items: Sequence[Item], size: Callable[[Item], int]) -> Iterator[list[Item]]:
    """Cut a sequence where the sizes since the last cut reach `PORTION_BYTES`.

    >>> [len(part) for part in portions([10, PORTION_BYTES, 10, 10], int)]
    [2, 2]
    """
    part: list[Item] = []
    filled = 0
    for item in items:
        part.append(item)
        filled += size(item)
        if filled >= PORTION_BYTES:
            yield part
            part, filled = [], 0
    if part:
        yield part


def _first_row(name: FirstKey, entry: Entry, own: int, stored_at: datetime) -> FirstRow:
    topic, key = name
    return FirstRow(
        topic=topic,
        key=key,
        event_time=event_time_of(entry),
        stored_at=stored_at,
        precedence=own,
    )


def _repeat_row(entry: Entry, own: int, stored_at: datetime) -> RepeatRow:
    source = entry.record.source
    return RepeatRow(
        topic=entry.kind,
        key=entry.key,
        run=getattr(entry.row, "run", ""),
        task=getattr(entry.row, "task", ""),
        event_time=event_time_of(entry),
        incarnation=source.incarnation,
        partition=source.partition,
        offset=source.offset,
        stored_at=stored_at,
        precedence=own,
    )
