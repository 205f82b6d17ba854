import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.errors import StoreUnavailable
from models.result import Result
from models.rows import ROWS, Row, SampleRow
from models.sample import Source
from streams.delivery.records import Incoming
from streams.store.client import AsyncStore, Store
from streams.store.errors import Refused
from streams.store.first_records import Claim, FirstRecords, Known
from streams.store.sink import Sink, SortedOut, Written, name_of, own, sort_out
from streams.store.writer import STORED_TOPICS, Kind, entry_of
from tests import data_records as data
from tests.data_records import FORM, TOPICS

STORED_AT = datetime(2026, 11, 20, tzinfo=UTC)
BOOKS = (
    *("samples", "results", "reviews", "decisions", "outcomes", "alarms", "dead_letters"),
    "repeats",
)


def sink_on(store: Any) -> Sink:
    return Sink(store, TOPICS, FORM, lambda: STORED_AT)


def story(number: int) -> list[Incoming]:
    """All records of one sample, on every topic, and a dead letter of another."""
    value = data.sample(number).encode()
    return [
        data.record(TOPICS.samples, number, value),
        data.record(TOPICS.results, number, data.result(number)),
        data.record(TOPICS.reviews, number, data.review(number)),
        data.record(TOPICS.decisions, number, data.decision(number)),
        data.record(TOPICS.decisions, number + 60, data.outcome(number)),
        data.record(TOPICS.alarms, number, data.alarm(number)),
        data.record(TOPICS.samples, number + 500, b"{"),
        data.letter(number + 500, number),
    ]


def moved(record: Incoming, offset: int) -> Incoming:
    """The same content met again at a later position, hours or weeks after."""
    at = record.source.at + timedelta(days=offset)
    place = record.source
    again = Source(topic=place.topic, partition=place.partition, offset=offset, at=at)
    return Incoming(again, record.key, record.value, record.headers)


def contents(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    """Every merged row of the books but for the moment it was stored."""
    found = {}
    for row in ROWS:
        name = row.TABLE.name
        if name in BOOKS:
            order = ", ".join(row.TABLE.order_by)
            sql = f"SELECT * EXCEPT stored_at FROM {name} FINAL ORDER BY {order}"
            found[name] = [tuple(map(str, cells.values())) for cells in store.query(sql)]
    return found


def counts(store: Store) -> dict[str, int]:
    return {name: len(rows) for name, rows in contents(store).items()}


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
async def test_foreign_records_become_dead_letters(async_store: AsyncStore, store: Store) -> None:
    foreign = [
        data.record(topic, 3, b'{"who": "knows"}')
        for topic in sink_on(async_store).topics
        if topic != TOPICS.samples
    ]
    good = data.record(TOPICS.results, 1, data.result(1))
    letters: dict[Kind, int] = {kind: 1 for kind in STORED_TOPICS if kind != "samples"}
    assert await sink_on(async_store).write([*foreign, good]) == Written(1, letters=letters)
    await sink_on(async_store).write(foreign)
    found = store.query("SELECT topic, stage, error FROM dead_letters FINAL ORDER BY topic")
    assert {(row["topic"], row["stage"], row["error"]) for row in found} == {
        (record.source.topic, "sink", "InvalidRecord") for record in foreign
    }
    assert counts(store)["results"] == 1


@pytest.mark.processes
async def test_a_row_the_store_refuses_is_found_and_the_others_are_kept(
    async_store: AsyncStore, store: Store
) -> None:
    bad = _refused(3)
    good = [data.record(TOPICS.results, number, data.result(number)) for number in range(3)]
    batch = [*good, data.record(TOPICS.results, 3, bad)]
    for _ in range(2):
        assert await sink_on(async_store).write(batch) == Written(3, letters={"results": 1})
    letter = store.query("SELECT sample_key, error, task, event_time FROM dead_letters FINAL")
    assert [tuple(row.values()) for row in letter] == [
        (data.sample(3).key(), "Refused", "messages", data.source(3).at)
    ]
    assert counts(store)["results"] == 3


class Refusing:
    """A store that refuses sample rows with text."""

    def __init__(self, refused: Callable[[Row], bool]) -> None:
        self.refused = refused
        self.rows: list[Row] = []
        self.commands: list[str] = []

    async def query(self, sql: str, parameters: Any = None) -> list[dict[str, Any]]:
        return []

    async def insert(self, rows: Sequence[Row]) -> None:
        if any(self.refused(row) for row in rows):
            raise Refused("not this")
        self.rows.extend(rows)

    async def command(self, sql: str, parameters: Any = None) -> None:
        self.commands.append(sql)


async def test_a_refused_sample_still_counts_as_in() -> None:
    store = Refusing(lambda row: getattr(row, "text", "") == "text 1")
    await sink_on(store).write(
        [data.record(TOPICS.samples, n, data.sample(n).encode()) for n in range(4)]
    )
    kept = {row.sample_key: row.readable for row in store.rows if isinstance(row, SampleRow)}
    assert kept == {data.sample(n).key(): n != 1 for n in range(4)}


async def test_a_store_that_is_down_is_the_callers_to_wait_for() -> None:
    class Down(Refusing):
        async def insert(self, rows: Sequence[Row]) -> None:
            raise StoreUnavailable("away")

    with pytest.raises(StoreUnavailable):
        await sink_on(Down(lambda _: False)).write(story(1))


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
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS)
async def test_any_order_and_duplication_gives_the_same_tables(
    async_store: AsyncStore, store: Store, steps: list[Step]
) -> None:
    """However a consumer that keeps each topic's order cuts, repeats and mixes its batches.

    A step reads on from one topic, from some records back on, perhaps as a new process.
    """
    records = _two_topics()
    _empty(store)
    await sink_on(async_store).write(records)
    expected = contents(store)
    _empty(store)
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


def _empty(store: Store) -> None:
    for row in ROWS:
        store.command("TRUNCATE TABLE {name:Identifier}", {"name": row.TABLE.name})


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


@pytest.mark.processes
async def test_the_replay_of_a_refused_record_is_taken_and_counts_once(
    async_store: AsyncStore, store: Store
) -> None:
    """Refused in one batch with its replay, or in an earlier one."""
    for together in (True, False):
        _empty(store)
        refused = data.record(TOPICS.results, 1, _refused(1))
        replay = data.record(TOPICS.results, 9, data.result(1))
        sample = data.record(TOPICS.samples, 1, data.sample(1).encode())
        sink = sink_on(async_store)
        first = [sample, refused, replay] if together else [sample, refused]
        assert await sink.write(first) == Written(len(first) - 1, letters={"results": 1})
        if not together:
            assert await sink.write([refused]) == Written(letters={"results": 1})
            assert await sink.write([replay]) == Written(stored=1)
        books = contents(store)
        assert [len(books[name]) for name in ("samples", "results", "dead_letters")] == [1, 1, 1]
        assert books["repeats"] == []
        for batch in ([replay], [refused], [sample, refused, replay]):
            await sink_on(async_store).write(batch)
        after = contents(store)
        assert len(after.pop("repeats")) == 1, "the record that was refused, now that another holds"
        assert after == {name: rows for name, rows in books.items() if name != "repeats"}


def _refused(number: int) -> Result:
    usage = data.annotation(number).usage.model_copy(update={"input_tokens": 2**70})
    return data.result(number, annotation=data.annotation(number, usage=usage))
