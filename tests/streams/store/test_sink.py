"""The sink on a real store: first records, repeats, crashes, and any order of batches."""

import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.rows import Row
from streams.delivery.records import Incoming
from streams.store.client import AsyncStore, Store
from streams.store.first_records import Claim, FirstRecords, Known
from streams.store.sink import SortedOut, Written, name_of, own, sort_out
from streams.store.writer import entry_of
from tests import data_records as data
from tests.data_records import FORM, TOPICS
from tests.streams.store.books import STORED_AT, contents, counts, empty, moved, sink_on, story


class Crash(Exception):
    """What a test lets a process die of."""


class Failing:
    """A store that dies right before or right after its n-th insert."""

    def __init__(self, store: AsyncStore, die_at: int, *, after: bool) -> None:
        self.store = store
        self.left = die_at
        self.after = after

    async def query(self, sql: str, parameters: Any = None) -> list[dict[str, Any]]:
        return await self.store.query(sql, parameters)

    async def insert(self, rows: Sequence[Row]) -> None:
        self.left -= bool(rows)
        if self.left < 0 and not self.after:
            raise Crash
        await self.store.insert(rows)
        if self.left < 0:
            raise Crash

    async def command(self, sql: str, parameters: Any = None) -> None:
        await self.store.command(sql, parameters)


@pytest.mark.processes
async def test_a_batch_becomes_rows(async_store: AsyncStore, store: Store) -> None:
    written = await sink_on(async_store).write([*story(1), *story(2)])
    assert written == Written(stored=16)
    once = {"samples": 4, "results": 2, "reviews": 2, "decisions": 2, "outcomes": 2, "alarms": 2}
    assert counts(store) == once | {"dead_letters": 2, "repeats": 0}
    row = store.query("SELECT * FROM results FINAL WHERE id = {id:String}", {"id": "m-1"})[0]
    expected = entry_of("results", story(1)[1], FORM, STORED_AT).row.model_dump()
    assert {
        name: tuple(cell) if isinstance(cell, list) else cell for name, cell in row.items()
    } == (expected)


@pytest.mark.processes
async def test_nothing_is_written_for_nothing(async_store: AsyncStore) -> None:
    assert await sink_on(async_store).write([]) == Written()


@pytest.mark.processes
async def test_a_redelivered_record_is_no_repeat(async_store: AsyncStore, store: Store) -> None:
    await sink_on(async_store).write(story(1))
    before = contents(store)
    written = await sink_on(async_store).write([*story(1), *story(1)])
    assert (written.repeats, contents(store)) == (0, before)


@pytest.mark.processes
async def test_later_records_change_nothing_but_repeats(
    async_store: AsyncStore, store: Store
) -> None:
    """Even when the model answered differently, even months apart, even in one batch."""
    await sink_on(async_store).write(story(1))
    before = contents(store)
    other = data.result(1, annotation=data.annotation(1, labels=("personal",)))
    late = data.record(TOPICS.results, 80, other)
    again = [moved(record, 81) for record in story(1) if b"{not" not in record.value]
    for _ in range(2):
        await sink_on(async_store).write([late, *again, moved(again[0], 82)])
    after = contents(store)
    repeated = store.query("SELECT topic, count() AS n FROM repeats FINAL GROUP BY topic")
    assert {name: rows for name, rows in after.items() if name != "repeats"} == {
        name: rows for name, rows in before.items() if name != "repeats"
    } | {"samples": after["samples"]}
    assert len(after["samples"]) == len(before["samples"]) + 1, "unreadable: position is identity"
    assert {row["topic"]: row["n"] for row in repeated} == {
        "samples": 2, "results": 2, "reviews": 1, "decisions": 1, "outcomes": 1, "alarms": 1,
    }  # fmt: skip


@pytest.mark.processes
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_crash_at_any_insert_does_no_harm(
    async_store: AsyncStore, store: Store, after: bool
) -> None:
    batch = [*story(1), *story(2), moved(story(1)[1], 300), data.record(TOPICS.results, 9, b"{")]
    crashes = 0
    while True:
        try:
            await sink_on(Failing(async_store, crashes, after=after)).write(batch)
            break
        except Crash:
            crashes += 1
            random.Random(crashes).shuffle(batch)
    assert crashes >= 8, "each insert has failed once"
    books = counts(store)
    assert (books["samples"], books["results"], books["decisions"]) == (4, 2, 2)
    assert (books["dead_letters"], books["repeats"]) == (3, 1)


@pytest.mark.processes
async def test_repeats_of_keys_stored_lately_are_not_asked_for(async_store: AsyncStore) -> None:
    asked: list[int] = []

    class Counting(Failing):
        async def query(self, sql: str, parameters: Any = None) -> list[dict[str, Any]]:
            asked.extend(parameters["keys"])
            return await super().query(sql, parameters)

    sink = sink_on(Counting(async_store, 10_000, after=False))
    await sink.write(story(1))
    assert len(asked) == 12, "six keys before rows are written, and six after"
    assert (await sink.write([moved(record, 400) for record in story(1)[:6]])).repeats == 6
    assert len(asked) == 12
    await sink.write(story(1)[:1])
    assert len(asked) == 14, "a first record that comes again hears of every claim"


@pytest.mark.processes
async def test_a_forgotten_key_is_asked_for(async_store: AsyncStore) -> None:
    records = FirstRecords(async_store, remembered=1)
    entries = [entry_of("samples", story(n)[0], FORM, STORED_AT) for n in (1, 2)]
    found = sort_out(entries, Known({}, {}), STORED_AT)
    await records.claim(found.firsts)
    known = await records.known((name_of(entry), own(entry)) for entry in entries)
    assert known.held == {(row.topic, row.key): row.precedence for row in found.firsts}
    assert known.claims == {
        (row.topic, row.key): (Claim(row.precedence, row.stored_at, row.event_time),)
        for row in found.firsts
    }


def test_the_same_offset_in_another_partition_is_another_position() -> None:
    value = data.sample(1).encode()
    batch = [data.record(TOPICS.samples, 5, value, partition=number) for number in (0, 1)]
    found: SortedOut = sort_out(
        [entry_of("samples", record, FORM, STORED_AT) for record in batch], Known({}, {}), STORED_AT
    )
    assert (len(found.entries), len(found.repeats)) == (1, 1)


Step = tuple[str, int, int, bool]
STEPS = st.lists(
    st.tuples(
        st.sampled_from([TOPICS.samples, TOPICS.results]),
        st.integers(0, 9),
        st.integers(0, 9),
        st.booleans(),
    ),
    max_size=6,
)


@pytest.mark.processes
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
async def test_any_order_and_duplication_gives_the_same_tables(
    async_store: AsyncStore, store: Store, steps: list[Step]
) -> None:
    """However a consumer that keeps each topic's order cuts, repeats and mixes its batches.

    A step reads on from one topic, from some records back on, perhaps as a new process.
    """
    records = _two_topics()
    empty(store)
    await sink_on(async_store).write(records)
    expected = contents(store)
    empty(store)
    lines = {step[0]: [r for r in records if r.source.topic == step[0]] for step in ALL}
    read = dict.fromkeys(lines, 0)
    sink = sink_on(async_store)
    for topic, back, forward, restarted in [*steps, *ALL]:
        upto = min(read[topic] + forward, len(lines[topic]))
        sink = sink_on(async_store) if restarted else sink
        await sink.write(lines[topic][max(0, read[topic] - back) : upto])
        read[topic] = upto
    assert contents(store) == expected


ALL: list[Step] = [(TOPICS.results, 9, 99, False), (TOPICS.samples, 9, 99, True)]


def _two_topics() -> list[Incoming]:
    first = [story(number) for number in range(3)]
    samples = [parts[0] for parts in first]
    results = [parts[1] for parts in first]
    changed = data.result(1, annotation=data.annotation(1, labels=("personal",)))
    return [
        *samples,
        data.record(TOPICS.samples, 3, b"{"),
        *(moved(record, 10 + number) for number, record in enumerate(samples)),
        *results,
        data.record(TOPICS.results, 20, changed),
        *(moved(record, 30 + number) for number, record in enumerate(results)),
    ]


@pytest.mark.processes
@pytest.mark.parametrize("order", [1, -1])
async def test_rows_that_meet_all_the_same_leave_the_first(
    async_store: AsyncStore, store: Store, order: int
) -> None:
    """Should two sinks ever write one key at once, merging decides as the lookup would."""
    entries = [
        entry_of("results", data.record(TOPICS.results, offset, found), FORM, STORED_AT)
        for offset, found in ((3, data.result(1)), (4, data.unlabelled(1)))
    ]
    for entry in entries[::order]:
        await async_store.insert([entry.row])
    assert store.query("SELECT offset FROM results FINAL") == [{"offset": 3}]
