"""A queue that is open: its database, its tables, and transactions on them."""

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from sqlalchemy import Connection, Engine, exc, select

from models.errors import ConfigurationError
from models.task import Task
from streams.desk import schema
from streams.desk.queue import engines, ranking
from streams.desk.queue.engines import engine_of, to_write_ahead
from streams.desk.queue.faults import QueueUnavailable, asks_again, in_our_words
from streams.desk.queue.turns import Turns, no_leftovers

T = TypeVar("T")

ATTEMPTS = 8
OPENING = 0x7469_6465
"""The advisory lock under which a queue in PostgreSQL is opened."""


@dataclass(frozen=True, slots=True)
class Desk:
    """An open queue; safe to use from many threads, and beside other processes.

    Attributes:
        engine: connections to its database.
        tasks: the tasks it serves, by name.
        where: its database for messages, without a password.
        secret: the queue's own, from which planted items are drawn.
    """

    engine: Engine
    tasks: Mapping[str, Task]
    where: str
    secret: str
    turns: Turns = field(repr=False)

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


def open_desk(url: str, tasks: Mapping[str, Task]) -> Desk:
    """The queue at an SQLAlchemy URL; makes its tables where there are none.

    Raises:
        ConfigurationError: no such kind of database, a wrong credential, a file that is no queue,
            or a queue of a later version.
        QueueUnavailable: the database does not answer now.
    """
    engine, where = engine_of(url)
    try:
        with in_our_words(where):
            secret = _prepared(engine, where)
            desk = Desk(engine, tasks, where, secret, Turns(engine))
        write(desk, lambda db: _follow(db, tasks))
    except BaseException:
        engine.dispose()
        raise
    return desk


def _follow(db: Connection, tasks: Mapping[str, Task]) -> None:
    _one_opener(db)
    ranking.follow(db, tasks)


def _one_opener(db: Connection) -> None:
    """Other openers wait until this transaction is over; in SQLite all writers do anyway."""
    if is_postgres(db):
        db.exec_driver_sql(f"SELECT pg_advisory_xact_lock({OPENING})")


def write(desk: Desk, work: Callable[[Connection], T]) -> T:
    """What `work` returns, done in one transaction: all of it is stored, or nothing.

    `work` may run more than once, and on another thread: it must change nothing but the queue.

    Raises:
        QueueUnavailable: the database cannot be reached or cannot write now.
    """
    with in_our_words(desk.where):
        if desk.engine.dialect.name == "sqlite":
            return _in_turn(desk, work)
        for _ in range(ATTEMPTS - 1):
            try:
                return _once(desk, work)
            except exc.DBAPIError as error:
                if not asks_again(error):
                    raise
        return _once(desk, work)


def _once(desk: Desk, work: Callable[[Connection], T]) -> T:
    with desk.engine.begin() as db:
        return work(db)


def read(desk: Desk, work: Callable[[Connection], T]) -> T:
    """What `work` finds, all of it at one moment.

    Raises:
        QueueUnavailable: the database cannot be reached now.
    """
    with in_our_words(desk.where), desk.engine.connect() as db, no_leftovers(db):
        level = {"isolation_level": "REPEATABLE READ"} if is_postgres(db) else {}
        with db.execution_options(begin="BEGIN", **level).begin():
            return work(db)


def is_postgres(db: Connection) -> bool:
    """Whether rows can be locked one by one."""
    return db.dialect.name == "postgresql"


def _in_turn(desk: Desk, work: Callable[[Connection], T]) -> T:
    try:
        done: T = desk.turns.run(work, engines.WAIT_SECONDS)
    except TimeoutError:
        message = f"the desk's queue at {desk.where} is busy; ask again in a moment"
        raise QueueUnavailable(message) from None
    return done


def _prepared(engine: Engine, where: str) -> str:
    """The queue's secret, once its tables are there, whoever made them."""
    if engine.dialect.name == "sqlite":
        to_write_ahead(engine)
    with engine.begin() as db:
        _one_opener(db)
        schema.about.create(db, checkfirst=True)
        found = db.execute(select(schema.about)).one_or_none()
        if found is not None and found.version > schema.VERSION:
            raise ConfigurationError(
                f"the desk's queue at {where} was written by a later tidegauge (its tables have"
                f" version {found.version}; this one knows {schema.VERSION}): upgrade tidegauge"
            )
        if found is not None:
            return str(found.secret)
        schema.metadata.create_all(db)
        secret = secrets.token_urlsafe(16)
        now = time.time_ns() // 1_000_000
        row = {"id": 1, "version": schema.VERSION, "secret": secret, "created_at": now}
        db.execute(schema.about.insert(), row)
        return secret
