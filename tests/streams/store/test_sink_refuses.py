"""What the sink or the store cannot take: letters, and nothing of the others is lost."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from models.errors import StoreUnavailable
from models.result import Result
from models.rows import Row, SampleRow
from streams.store.client import AsyncStore, Store
from streams.store.errors import Refused
from streams.store.sink import Written
from streams.store.writer import STORED_TOPICS, Kind
from tests import data_records as data
from tests.data_records import TOPICS
from tests.streams.store.books import contents, counts, empty, sink_on, story


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
    """A store that is empty and refuses some rows."""

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
async def test_the_replay_of_a_refused_record_is_taken_and_counts_once(
    async_store: AsyncStore, store: Store
) -> None:
    """Refused in one batch with its replay, or in an earlier one."""
    for together in (True, False):
        empty(store)
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
