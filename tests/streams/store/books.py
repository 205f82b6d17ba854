"""A sink on a store of the tests, what it is given, and what its books hold then."""

from datetime import UTC, datetime, timedelta
from typing import Any

from models.rows import ROWS
from models.sample import Source
from streams.delivery.records import Incoming
from streams.store.client import Store
from streams.store.sink import Sink
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


def empty(store: Store) -> None:
    for row in ROWS:
        store.command("TRUNCATE TABLE {name:Identifier}", {"name": row.TABLE.name})
