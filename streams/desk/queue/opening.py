"""A queue that is open: its database, its tables, and transactions on them."""

import contextlib
import os
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, exc, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.pool import QueuePool

from models.errors import ConfigurationError
from models.task import Task
from streams.desk import schema
from streams.desk.queue import ranking
from streams.desk.queue.faults import QueueUnavailable, asks_again, in_our_words
from streams.desk.queue.turns import Turns, no_leftovers

T = TypeVar("T")

WAIT_SECONDS = 10.0
"""So long one transaction waits for others, or for a connection."""

CONNECTIONS = 64
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
    engine, where = _engine(url)
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
        done: T = desk.turns.run(work, WAIT_SECONDS)
    except TimeoutError:
        message = f"the desk's queue at {desk.where} is busy; ask again in a moment"
        raise QueueUnavailable(message) from None
    return done


def _engine(url: str) -> tuple[Engine, str]:
    try:
        parsed = make_url(url)
    except exc.ArgumentError as error:
        raise ConfigurationError(
            "TIDEGAUGE_DESK__DATABASE is no database URL; one is"
            " sqlite:////folder/desk.sqlite or postgresql+psycopg://user:password@host/name"
        ) from error
    where = parsed.render_as_string(hide_password=True)
    kind = parsed.get_backend_name()
    if kind == "sqlite":
        return _sqlite(parsed), where
    if kind == "postgresql":
        return _postgres(parsed), where
    message = f"TIDEGAUGE_DESK__DATABASE: the queue is kept in sqlite or postgresql, not in {kind}"
    raise ConfigurationError(message)


def _sqlite(url: URL) -> Engine:
    if url.database in (None, "", ":memory:"):
        raise ConfigurationError(
            "TIDEGAUGE_DESK__DATABASE: a queue in memory is lost with its process; name a file,"
            " as in sqlite:////folder/desk.sqlite"
        )
    _own_file(Path(str(url.database)))
    engine = create_engine(
        url.set(drivername="sqlite"),
        poolclass=QueuePool,
        pool_size=8,
        max_overflow=CONNECTIONS - 8,
        pool_timeout=WAIT_SECONDS,
        hide_parameters=True,
        connect_args={"check_same_thread": False},
    )
    event.listen(engine, "connect", _connected)
    event.listen(engine, "begin", _begun)
    return engine


def _own_file(path: Path) -> None:
    """The file exists, and nobody else on the machine can read what reviewers read."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            # Only a new one is opened here: to close the file would end SQLite's locks on it.
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except OSError as error:
        message = f"the desk's queue cannot be kept in {path}: {error.strerror}"
        raise ConfigurationError(message) from error


def _connected(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where _begun says so, not by themselves
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {WAIT_SECONDS * 1000:.0f}")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begun(db: Connection) -> None:
    how = db.get_execution_options().get("begin", "BEGIN IMMEDIATE")
    if how:
        db.exec_driver_sql(how)


def _postgres(url: URL) -> Engine:
    try:
        return create_engine(
            url.set(drivername="postgresql+psycopg"),
            pool_size=8,
            max_overflow=CONNECTIONS - 8,
            pool_timeout=WAIT_SECONDS,
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args={
                "connect_timeout": int(WAIT_SECONDS),
                "options": f"{_options(url)} -c lock_timeout={WAIT_SECONDS * 1000:.0f}"
                " -c synchronous_commit=on -c timezone=UTC",
            },
        )
    except ImportError as error:
        raise ConfigurationError(
            "TIDEGAUGE_DESK__DATABASE names PostgreSQL, whose driver is not installed:"
            " pip install 'tidegauge[postgres]'"
        ) from error


def _options(url: URL) -> str:
    """What the URL itself asks of the server, such as a search path."""
    given = url.query.get("options", "")
    return given if isinstance(given, str) else " ".join(given)


def _prepared(engine: Engine, where: str) -> str:
    """The queue's secret, once its tables are there, whoever made them."""
    if engine.dialect.name == "sqlite":
        _to_write_ahead(engine)
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


def _to_write_ahead(engine: Engine) -> None:
    """Switch the file to WAL for good; SQLite does not wait for another opener that does so."""
    deadline = time.monotonic() + WAIT_SECONDS
    with engine.connect().execution_options(begin="") as db:
        while True:
            try:
                db.exec_driver_sql("PRAGMA journal_mode = WAL")
                return
            except exc.OperationalError as error:
                if "locked" not in str(error.orig) or time.monotonic() > deadline:
                    raise
            time.sleep(0.02)
