"""Items come in: once each, with the position they were read at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from models.review import Asked, ReviewTask
from models.task import Review
from streams.desk.queue import ranking
from streams.desk.queue.encoding import ms, to_read
from streams.desk.queue.opening import Desk, is_postgres, read, write
from streams.desk.schema import contents, counts, items, offsets


@dataclass(frozen=True, slots=True)
class Arrival:
    """One record of `reviews`.

    Attributes:
        key: of the record; its decisions get the same.
        partition: of the record; its decisions go to that number.
    """

    task: ReviewTask
    key: bytes | None
    partition: int


def enqueue(
    desk: Desk,
    arrivals: Sequence[Arrival],
    positions: Mapping[tuple[str, int], int],
    now: datetime,
) -> int:
    """How many of the arrivals are new; those known already change nothing.

    Args:
        desk: the queue.
        arrivals: records of `reviews`, in order.
        positions: the next offset of each (topic, partition) read, stored with the items.
        now: when they came.
    """
    at = ms(now)
    first: dict[str, Arrival] = {}
    for arrival in arrivals:
        first.setdefault(arrival.task.result_id, arrival)
    rows = [_columns(desk, arrival.task, at) for arrival in first.values()]
    bodies = {item_id: _contents(arrival) for item_id, arrival in first.items()}
    return write(desk, lambda db: _enqueue(db, rows, bodies, positions))


def positions(desk: Desk) -> Mapping[tuple[str, int], int]:
    """The next offset of each (topic, partition) whose items are in the queue."""
    return read(
        desk,
        lambda db: {
            (row.topic, row.partition): row.next_offset for row in db.execute(select(offsets))
        },
    )


def _columns(desk: Desk, task: ReviewTask, at: int) -> dict[str, Any]:
    name = task.task.name.partition("/")[0]  # the rest is its version
    served = desk.tasks.get(name)
    review = served.review if served is not None else Review()
    return {
        "item_id": task.result_id,
        "task": name,
        "lane": task.lane,
        "value": task.value,
        "planned": served is not None,
        "level": 0,
        **dict.fromkeys(("live", "pending", "final", "skips"), 0),
        "state": "open",
        "enqueued_at": at,
        **ranking.columns_of(task, review, at),
    }


def _contents(arrival: Arrival) -> dict[str, Any]:
    task = arrival.task
    asked = Asked(
        result_id=task.result_id,
        sample_key=task.sample_key,
        source=task.source,
        task=task.task,
        run=task.sample.run,
        lane=task.lane,
        propensity=task.propensity,
        audit=task.audit,
    )
    return {
        "key": arrival.key,
        "partition": arrival.partition,
        "asked": asked.encode(),
        "body": task.encode(),
        "characters": to_read(task.sample.text, task.sample.context, task.sample.response),
    }


def _enqueue(
    db: Connection,
    rows: list[dict[str, Any]],
    bodies: Mapping[str, dict[str, Any]],
    positions: Mapping[tuple[str, int], int],
) -> int:
    dialect = postgresql if is_postgres(db) else sqlite
    new = []
    if rows:
        add = dialect.insert(items).on_conflict_do_nothing(index_elements=["item_id"])
        new = list(db.execute(add.returning(items.c.id, items.c.item_id), rows))
    if new:
        db.execute(contents.insert(), [{"item": row.id, **bodies[row.item_id]} for row in new])
        db.execute(counts.insert(), {"what": "enqueued", "n": len(new)})
    for (topic, partition), following in sorted(positions.items()):
        place = dialect.insert(offsets).values(
            topic=topic, partition=partition, next_offset=following
        )
        db.execute(
            place.on_conflict_do_update(
                index_elements=["topic", "partition"], set_={"next_offset": following}
            )
        )
    return len(new)
