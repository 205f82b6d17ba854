"""The sink: batches of Kafka records into tables, each record's first position winning.

The first position of a key on its topic is claimed before any row of that key is written, so a
batch may be written again after a crash at any point, alone or among others, today or in a year:
rows of the first position fall together (`ReplacingMergeTree`), all others are repeats. A record
that the store refuses gives its claim back, so that its replay is taken; a refused sample keeps it,
as it counts as in already.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from models.errors import InvalidRecord
from models.rows import DeadLetterRow, FirstRow, RepeatRow, SampleRow, precedence
from streams.delivery.records import Incoming
from streams.intake import SampleForm
from streams.store.client import AsyncStore
from streams.store.contested import leave_one
from streams.store.errors import Refused
from streams.store.first_records import FirstKey, FirstRecords, Known, number_of
from streams.store.writer import (
    KINDS,
    STORED_TOPICS,
    Entry,
    Kind,
    StoredTopic,
    bare,
    claimed_identity,
    entry_of,
    event_time_of,
    identity_of,
    letter_of,
    stored,
)
from streams.topics import Topics

PORTION_BYTES = 16 * 1024 * 1024
"""How much one insert carries, give or take one record."""

Item = TypeVar("Item")


@dataclass(frozen=True)
class Written:
    """What became of a batch; its sum is the batch.

    Attributes:
        letters: by the kind of record that became one; those that have none are left out.
    """

    stored: int = 0
    repeats: int = 0
    letters: Mapping[Kind, int] = field(default_factory=dict)


@dataclass
class SortedOut:
    """A batch's entries: those at the first position of their key, and the repeats."""

    firsts: list[FirstRow] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    repeats: list[Entry] = field(default_factory=list)


@dataclass
class Tally:
    """What a batch came to so far; letters and repeats are yet to be stored.

    Attributes:
        lettered: how many letters there are of records of each kind.
        repeated: how many of the batch are repeats; `repeats` may tell of other records, too.
    """

    letters: list[DeadLetterRow] = field(default_factory=list)
    lettered: Counter[Kind] = field(default_factory=Counter)
    repeats: list[RepeatRow] = field(default_factory=list)
    repeated: int = 0


class Sink:
    """Writes batches; the caller repeats a batch until it is written."""

    def __init__(
        self, store: AsyncStore, topics: Topics, form: SampleForm, clock: Callable[[], datetime]
    ) -> None:
        """Bind to the store; `clock` tells when rows are stored, and decides nothing else."""
        self._store = store
        self._topics: Mapping[str, StoredTopic] = {
            getattr(topics, word): word for word in STORED_TOPICS
        }
        self._form = form
        self._clock = clock
        self._firsts = FirstRecords(store)

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics it stores."""
        return tuple(self._topics)

    async def write(self, records: Sequence[Incoming]) -> Written:
        """Store a batch; returns when all of it can be read.

        Raises:
            StoreUnavailable: the batch is to be written again, whatever of it was stored.
            ConfigurationError: the tables are not there.
        """
        stored_at = self._clock()
        tally = Tally()
        entries = self._read(records, stored_at, tally)
        while entries:
            entries = await self._store_firsts(entries, stored_at, tally)
        for part in portions(tally.letters, lambda letter: len(letter.body)):
            await self._store.insert(part)
        await self._store.insert(tally.repeats)
        kept = len(records) - tally.repeated - len(tally.letters)
        return Written(kept, tally.repeated, dict(+tally.lettered))

    def _read(self, records: Sequence[Incoming], stored_at: datetime, tally: Tally) -> list[Entry]:
        """The entries of a batch; what cannot be read becomes letters."""
        entries: list[Entry] = []
        for record in records:
            topic = self._topics[record.source.topic]
            try:
                entries.append(entry_of(topic, record, self._form, stored_at))
            except InvalidRecord as exc:
                letter = letter_of(record, claimed_identity(record), exc, stored_at)
                tally.letters.append(letter)
                tally.lettered[topic] += 1
        return entries

    async def _store_firsts(
        self, entries: Sequence[Entry], stored_at: datetime, tally: Tally
    ) -> list[Entry]:
        """Store the entries at first positions; those whose key is free again are left over."""
        known = await self._firsts.known((name_of(entry), own(entry)) for entry in entries)
        found = sort_out(entries, known, stored_at)
        await self._firsts.claim(found.firsts)
        refused: list[Entry] = []
        for kind in KINDS:
            same = [entry for entry in found.entries if entry.kind == kind]
            for portion in portions(same, lambda entry: len(entry.record.value)):
                letters = await self._insert(portion, stored_at)
                refused += [entry for entry, _ in letters]
                tally.letters += [letter for _, letter in letters]
                tally.lettered[kind] += len(letters)
        free = {name_of(entry): own(entry) for entry in refused if entry.kind != "samples"}
        await self._firsts.release(free)
        left = [entry for entry in found.repeats if name_of(entry) in free]
        found.repeats = [entry for entry in found.repeats if name_of(entry) not in free]
        tally.repeated += len(found.repeats)
        tally.repeats += [_repeat_row(entry, stored_at) for entry in found.repeats]
        found.firsts = [row for row in found.firsts if (row.topic, row.key) not in free]
        await self._settle(found, known, stored_at, tally)
        return left

    async def _settle(
        self, found: SortedOut, known: Known, stored_at: datetime, tally: Tally
    ) -> None:
        """Leave one first record of each key that another sink took at the same time."""
        new = {(row.topic, row.key): row.precedence for row in found.firsts}
        contested = await self._firsts.contested(new)
        contested |= {name: claims for name, claims in known.claims.items() if len(claims) > 1}
        parties = [
            (entry, contested[name_of(entry)])
            for entry in (*found.entries, *found.repeats)
            if own(entry) in {claim.precedence for claim in contested.get(name_of(entry), ())}
        ]
        tally.repeats += await leave_one(self._store, parties, stored_at)
        lost = [e for e in found.entries if name_of(e) in contested]
        tally.repeated += sum(own(e) != contested[name_of(e)][0].precedence for e in lost)
        self._firsts.remember({name: first for name, first in new.items() if name not in contested})

    async def _insert(
        self, entries: Sequence[Entry], stored_at: datetime
    ) -> list[tuple[Entry, DeadLetterRow]]:
        """Insert entries of one table; those that the store refuses are found by halving."""
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
            return [(entry, letter_of(entry.record, identity_of(entry), exc, stored_at))]
        return []


def sort_out(entries: Sequence[Entry], known: Known, stored_at: datetime) -> SortedOut:
    """Tell first records from repeats: an entry at the known first position is no repeat.

    A first record that is written again is the same row again, with the moment of its claim.
    """
    firsts = dict(known.held)
    found = SortedOut()
    for entry in entries:
        name = name_of(entry)
        if name not in firsts:
            firsts[name] = own(entry)
            found.firsts.append(_first_row(name, entry, stored_at))
        if firsts[name] == own(entry):
            claims = known.claims.get(name)
            found.entries.append(stored(entry, claims[0].stored_at) if claims else entry)
        else:
            found.repeats.append(entry)
    return found


def name_of(entry: Entry) -> FirstKey:
    """What an entry is looked up by among first records."""
    return entry.kind, number_of(entry.key)


def own(entry: Entry) -> int:
    """The precedence of an entry's own position."""
    return precedence(entry.record.source)


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


def _first_row(name: FirstKey, entry: Entry, stored_at: datetime) -> FirstRow:
    topic, key = name
    return FirstRow(
        topic=topic,
        key=key,
        event_time=event_time_of(entry),
        stored_at=stored_at,
        precedence=own(entry),
    )


def _repeat_row(entry: Entry, stored_at: datetime) -> RepeatRow:
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
        precedence=own(entry),
    )
