"""Back-ups of the desk's queue: a copy of the SQLite file as it is at one moment, and its way back.

A copy is made while the desk runs; nobody waits for it. A restored queue is as it was then: what is
on `reviews` after the offsets stored in it is read again, and what was decided since is asked again
(the first outcome of an item stands for every reader). PostgreSQL brings tools of its own.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from models.errors import ConfigurationError, TidegaugeError
from streams.desk.schema import VERSION

WAIT_SECONDS = 10.0


class Held(TidegaugeError):
    """A process has the queue's file open; stop the desk first."""


@dataclass(frozen=True)
class Contents:
    """What a copy of a queue holds.

    Attributes:
        items: all ever enqueued.
        waiting: of those, the ones not closed.
        unsent: decisions and outcomes that were not published yet.
    """

    items: int
    waiting: int
    unsent: int
    bytes: int


def back_up(url: str, to: Path) -> Contents:
    """Copy the queue into a file that is not there yet, checked and safe on the disk.

    Raises:
        ConfigurationError: it is no SQLite queue, or the file cannot be made; names what to do.
    """
    source = _file_of(url)
    if not source.is_file():
        raise ConfigurationError(f"there is no queue at {source}")
    if to.exists():
        raise ConfigurationError(f"{to} is there already; name another file")
    part = to.with_name(f"{to.name}.part")
    try:
        _copied(source, part)
        found = contents_of(part)
        part.rename(to)
        _synced(to.absolute().parent)
    except OSError as exc:
        raise ConfigurationError(f"{to}: cannot be written: {exc.strerror}") from exc
    finally:
        _removed(part)
    return found


def restore(url: str, backup: Path, now: datetime) -> Path | None:
    """Put a copy into the queue's place; where the old one is kept, none if there was none.

    Raises:
        Held: a process has the queue open.
        ConfigurationError: no SQLite queue, or no whole copy of one; nothing was changed.
    """
    target = _file_of(url)
    contents_of(backup)
    part = target.with_name(f"{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _copied(backup, part)
        contents_of(part)
        aside = _replaced(target, part, f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}")
        _synced(target.absolute().parent)
    except OSError as exc:
        raise ConfigurationError(f"{target}: cannot be replaced: {exc.strerror}") from exc
    finally:
        _removed(part)
    return aside


def contents_of(path: Path) -> Contents:
    """What a copy holds, once all of it was checked.

    Raises:
        ConfigurationError: it is no whole queue of this version or an older one.
    """
    if not path.is_file():
        raise ConfigurationError(f"there is no file {path}")
    try:
        with closing(sqlite3.connect(_read_only(path), uri=True)) as db:
            return _checked(db, path)
    except sqlite3.DatabaseError as exc:
        raise ConfigurationError(f"{path} is no whole copy of a queue: {exc}") from exc


def _replaced(target: Path, part: Path, moment: str) -> Path | None:
    """Where the queue that stood there is kept, none if there was none."""
    if not target.exists():
        _forget_journal(target)
        part.rename(target)
        return None
    aside = target.with_name(f"{target.name}.before-{moment}")
    if aside.exists():
        raise ConfigurationError(f"{aside} is there already; move it away")
    with _alone(target):
        os.link(target, aside)
        part.rename(target)
    return aside


def _checked(db: sqlite3.Connection, path: Path) -> Contents:
    problems = [row[0] for row in db.execute("PRAGMA integrity_check(3)")]
    problems += ["a row points nowhere" for _ in db.execute("PRAGMA foreign_key_check")][:1]
    if problems != ["ok"]:
        raise ConfigurationError(f"{path} is damaged: {problems[0]}")
    found = db.execute("SELECT version FROM desk").fetchone()
    if found is None:
        raise ConfigurationError(f"{path} is no copy of a queue: it has no version")
    if found[0] > VERSION:
        raise ConfigurationError(f"{path} was written by a later tidegauge: upgrade tidegauge")
    ask = "SELECT count(*), count(*) FILTER (WHERE closed_at IS NULL) FROM items"
    items, waiting = db.execute(ask).fetchone()
    (unsent,) = db.execute("SELECT count(*) FROM outbox").fetchone()
    return Contents(items, waiting, unsent, path.stat().st_size)


def _file_of(url: str) -> Path:
    """The SQLite file of a queue."""
    try:
        parsed = make_url(url)
    except ArgumentError as exc:
        raise ConfigurationError("TIDEGAUGE_DESK__DATABASE is no database URL") from exc
    if parsed.get_backend_name() != "sqlite":
        raise ConfigurationError(_postgres_way(parsed))
    return Path(str(parsed.database))


def _postgres_way(url: URL) -> str:
    there = URL.create("postgresql", url.username, None, url.host, url.port, url.database)
    plain = there.render_as_string()
    return (
        "the queue is in PostgreSQL, which is backed up with its own tools, at any time:\n"
        f"  pg_dump --format=custom --file=desk.dump '{plain}'\n"
        "and restored, with every desk stopped:\n"
        f"  pg_restore --clean --if-exists --single-transaction --dbname='{plain}' desk.dump"
    )


def _copied(source: Path, to: Path) -> None:
    """One moment of a queue as a single file, on the disk, readable by its owner alone."""
    to.unlink(missing_ok=True)
    os.close(os.open(to, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        connected = closing(sqlite3.connect(source, timeout=WAIT_SECONDS))
        with connected as db, closing(sqlite3.connect(to)) as copy:
            db.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.DatabaseError as exc:
        raise ConfigurationError(f"{source} cannot be copied: {exc}") from exc
    _synced(to)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """A queue that nobody else has open, nor can open while the block lasts; one file again."""
    with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as db:
        try:
            mode = db.execute("PRAGMA journal_mode = DELETE").fetchone()[0]
            db.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as exc:
            raise Held(f"{path} is in use ({exc}): stop the desk, then restore") from exc
        except sqlite3.DatabaseError as exc:
            mode = _damaged(path, exc)
        if mode != "delete":
            raise Held(f"{path} is in use: stop the desk, then restore")
        yield


def _damaged(path: Path, exc: sqlite3.DatabaseError) -> str:
    """A file that is no database any more may go, with what lies beside it."""
    if "not a database" not in str(exc) and "malformed" not in str(exc):
        raise exc
    _forget_journal(path)
    return "delete"


def _forget_journal(path: Path) -> None:
    """What a file that is gone, or none any more, left behind must not reach the one after it."""
    for suffix in ("-wal", "-shm", "-journal"):
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).unlink()


def _removed(part: Path) -> None:
    """What was not finished is gone, if it can be."""
    with suppress(OSError):
        part.unlink(missing_ok=True)


def _read_only(path: Path) -> str:
    return f"{path.absolute().as_uri()}?mode=ro"


def _synced(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
