"""Connections to the database of a queue: SQLite in one file, or PostgreSQL."""

import contextlib
import os
import sqlite3
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, exc
from sqlalchemy.engine import URL, make_url
from sqlalchemy.pool import QueuePool

from models.errors import ConfigurationError

WAIT_SECONDS = 10.0
"""So long one transaction waits for others, or for a connection."""

LOOK_MS = 3
"""So often a process looks whether another has done writing to SQLite."""

CONNECTIONS = 64


def engine_of(url: str) -> tuple[Engine, str]:
    """An engine for an SQLAlchemy URL, and the URL for messages, without its password.

    Raises:
        ConfigurationError: it is no URL of a database that can keep a queue.
    """
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


def _connected(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where _begun says so, not by themselves
    connection.execute(f"PRAGMA busy_timeout = {WAIT_SECONDS * 1000:.0f}")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begun(db: Connection) -> None:
    how = db.get_execution_options().get("begin", "BEGIN IMMEDIATE")
    if how == "BEGIN IMMEDIATE":
        _wait_for_write(db)
    elif how:
        db.exec_driver_sql(how)


def _wait_for_write(db: Connection) -> None:
    """Begin to write as soon as no other process does.

    SQLite itself soon looks every tenth of a second only, and would hardly ever find the short
    gaps that a busy desk leaves to a command.
    """
    connection: Any = db.connection.dbapi_connection
    deadline = time.monotonic() + WAIT_SECONDS
    connection.execute(f"PRAGMA busy_timeout = {LOOK_MS}")
    try:
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    break
        db.exec_driver_sql("BEGIN IMMEDIATE")
    finally:
        connection.execute(f"PRAGMA busy_timeout = {WAIT_SECONDS * 1000:.0f}")


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


def to_write_ahead(engine: Engine) -> None:
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
