"""The queue's books: what came in and what closed is counted as it happens, what waits by rows.

Closed items are counted by rows of `counts`, written with what they count and summed up now and
then, so that neither do writers wait for each other nor the books read millions of rows.
"""

from collections import Counter
from typing import Any

from sqlalchemy import Connection, case, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from models.desk import Books, QueueLine
from streams.desk.queue.encoding import some_moment
from streams.desk.queue.opening import Desk, is_postgres, read
from streams.desk.schema import IS_WAITING, counted, counts, items, outbox

FOLD_AT = 200
FOLD_MOST = 5000


def books(desk: Desk) -> Books:
    """How many items came, and how many are in which state, at one moment."""
    return read(desk, lambda db: _books(db, desk))


def _books(db: Connection, desk: Desk) -> Books:
    closed = _counted(db)
    waiting: Counter[str] = Counter()
    unserved = 0
    for row in db.execute(_per(items.c.state, items.c.task)):
        waiting[row.state] += row.n
        unserved += row.n if row.state == "open" and row.task not in desk.tasks else 0
    oldest = select(func.min(items.c.enqueued_at)).where(IS_WAITING, items.c.state == "open")
    return Books(
        enqueued=closed["enqueued"],
        states={
            "open": waiting["open"],
            "leased": waiting["leased"],
            "decided": closed["decided"],
            "expired": closed["expired"],
            "cancelled": closed["cancelled"],
        },
        unserved=unserved,
        unsent=db.execute(select(func.count()).select_from(outbox)).scalar_one(),
        oldest_open=some_moment(db.execute(oldest).scalar_one()),
    )


def _per(*columns: Any) -> Any:
    return select(*columns, func.count().label("n")).where(IS_WAITING).group_by(*columns)


def _counted(db: Connection) -> Counter[str]:
    found: Counter[str] = Counter()
    for table in (counted, counts):
        query = select(table.c.what, func.sum(table.c.n).label("n")).group_by(table.c.what)
        for row in db.execute(query):
            found[row.what] += int(row.n)
    return found


def wants_folding(db: Connection) -> bool:
    """Whether counts have gathered that are worth summing up."""
    some = select(counts.c.id).limit(FOLD_AT).subquery()
    return bool(db.execute(select(func.count()).select_from(some)).scalar_one() >= FOLD_AT)


def fold(db: Connection) -> None:
    """Sum up counts; the books say the same before and after."""
    some = select(counts.c.id).order_by(counts.c.id).limit(FOLD_MOST)
    some = some.with_for_update(skip_locked=True)
    gone = delete(counts).where(counts.c.id.in_(some.scalar_subquery()))
    total: Counter[str] = Counter()
    for row in db.execute(gone.returning(counts.c.what, counts.c.n)):
        total[row.what] += row.n
    dialect = postgresql if is_postgres(db) else sqlite
    for what, n in sorted(total.items()):
        add = dialect.insert(counted).values(what=what, n=n)
        db.execute(add.on_conflict_do_update(index_elements=["what"], set_={"n": counted.c.n + n}))


def lines(desk: Desk) -> list[QueueLine]:
    """The items that wait, by task, pool, lane and level."""
    return read(desk, _lines)


def _lines(db: Connection) -> list[QueueLine]:
    group = (items.c.task, items.c.pool, items.c.lane, items.c.level)
    open_ = func.sum(case((items.c.state == "open", 1), else_=0))
    query = select(
        *group,
        open_.label("open"),
        func.count().label("n"),
        func.min(items.c.enqueued_at).label("oldest"),
    )
    return [
        QueueLine(
            task=row.task,
            pool=row.pool,
            lane=row.lane,
            level=row.level,
            open=row.open,
            leased=row.n - row.open,
            oldest=some_moment(row.oldest),
        )
        for row in db.execute(query.where(IS_WAITING).group_by(*group).order_by(*group))
    ]
