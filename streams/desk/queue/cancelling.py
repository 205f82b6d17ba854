"""Items are taken out of the queue by an admin, for a reason."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select

from models.desk import Cancel
from streams.desk.errors import Misfit
from streams.desk.queue.audit import note
from streams.desk.queue.encoding import ms
from streams.desk.queue.moving import close, final_answers, unanswered
from streams.desk.queue.opening import Desk, write
from streams.desk.schema import IS_OPEN, items

BATCH = 500


def cancel(desk: Desk, actor: str, wanted: Cancel, now: datetime) -> int:
    """How many open items were cancelled; those in somebody's hands stay.

    Raises:
        Misfit: neither a task nor a result is named.
    """
    if wanted.task is None and not wanted.results:
        raise Misfit("name a task or results: nothing is cancelled otherwise")
    done = 0
    for results in _chunks(wanted.results) if wanted.results else [()]:
        done += _all_of(desk, actor, wanted, (results, ms(now)))
    return done


def _chunks(results: Sequence[str]) -> list[Sequence[str]]:
    return [results[first : first + BATCH] for first in range(0, len(results), BATCH)]


def _all_of(desk: Desk, actor: str, wanted: Cancel, rest: tuple[Sequence[str], int]) -> int:
    done = 0
    while count := write(desk, lambda db: _some(db, actor, wanted, rest)):
        done += count
    return done


def _some(db: Connection, actor: str, wanted: Cancel, rest: tuple[Sequence[str], int]) -> int:
    results, now = rest
    query = select(items.c.id).where(IS_OPEN)
    if wanted.task is not None:
        query = query.where(items.c.task == wanted.task)
    if results:
        query = query.where(items.c.item_id.in_(results))
    query = (
        query.order_by(items.c.id).limit(BATCH).with_for_update(skip_locked=True, key_share=True)
    )
    ids = list(db.execute(query).scalars())
    if not ids:
        return 0
    given = final_answers(db, ids)
    close(db, [unanswered(item, "cancelled", given[item]) for item in ids], now)
    target = wanted.task or "by result"
    note(db, now, actor, "items.cancel", (target, f"{len(ids)} items: {wanted.reason}"))
    return len(ids)
