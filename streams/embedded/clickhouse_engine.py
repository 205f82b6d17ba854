"""The ClickHouse engine of the `chdb` wheel as the only owner of one data folder.

Every statement gets a connection of its own inside the engine (about 0.2 ms), so settings, database
and parameters never leak from one request into the next and statements run side by side. An insert
returns once its part is in the folder under its final name: a kill -9 then loses nothing. A power
cut may (no fsync), as with ClickHouse's own defaults. A full disk: `clickhouse_writes`.
"""

import fcntl
import logging
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from chdb.state.sqlitelike import Connection

from models.errors import ConfigurationError
from streams.embedded.clickhouse_statement import Request, StatementRefused, refusal
from streams.embedded.clickhouse_writes import WriteWatch, undo_merges

OWN_SETTINGS: Mapping[str, str] = {
    "async_insert": "0",
    "max_execution_time": "120",
    "max_memory_usage": "4000000000",
    "session_timezone": "UTC",
}
"""Where this engine's defaults differ from the server's; a request may set them otherwise."""

logger = logging.getLogger(__name__)

CONFIGURATION = Path(__file__).with_name("clickhouse.xml")
"""The engine's own; without one it would take any `config.xml` of the folder it is started in."""

_SETTING_NAME = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")
_LOCK_FILE = "owner.lock"
_MARKS_OF_A_STORE = frozenset({"metadata", "store", "data", _LOCK_FILE})


@dataclass(frozen=True, slots=True)
class Answer:
    """What a statement came to.

    Attributes:
        body: the answer's bytes in the statement's format, empty for an insert.
        counts: rows and bytes read and written, as `X-ClickHouse-Summary` has them.
    """

    body: bytes
    counts: Mapping[str, str]


class Engine:
    """The open engine; safe to call from several threads.

    Attributes:
        writes: whether all it wrote arrived.

    Raises:
        ConfigurationError: the folder is not usable as a data folder or has an owner already.
    """

    def __init__(self, folder: Path, undo_since: float | None = None) -> None:
        """Take the folder and open the engine on it.

        Args:
            folder: data folder, made if need be.
            undo_since: after a write that failed, when all was last known to be sound (seconds
                since the epoch).
        """
        self._path = str(folder.resolve())
        self._lock = _take_folder(folder)
        if undo_since is not None:
            undone = undo_merges(folder, undo_since)
            logger.warning("merges undone after a failed write: %d", len(undone))
        try:
            self._keeper = Connection(f"{self._path}?config-file={CONFIGURATION}")
        except RuntimeError as error:
            self._lock.close()
            reason = str(error).partition(", Stack trace")[0]
            raise ConfigurationError(
                f"{folder}: ClickHouse cannot open this data folder ({reason}); "
                "is another program using it? Choose another --data"
            ) from error
        self.writes = WriteWatch(self._path)
        if undo_since is not None:
            self.writes.hold_merges(time.monotonic())

    def run(self, request: Request) -> Answer:
        """Run one statement to its end.

        Raises:
            StatementRefused: the engine refuses or fails it, or has no room for it.
        """
        self.writes.require_room(request.statement)
        connection = Connection(self._path)
        try:
            for prelude in _preludes(request):
                connection.query(prelude)
            run = _query if request.statement.data is None else _insert
            answer = run(connection, request)
        except RuntimeError as error:
            self.writes.require_sound()
            raise refusal(str(error)) from error
        finally:
            connection.close()
        self.writes.require_sound()
        return answer

    def cancel(self, query_id: str) -> None:
        """Ask the statement running under `query_id` to give up; none running is fine.

        Raises:
            StatementRefused: the engine cannot.
        """
        comment = _quoted(query_id)
        try:
            self._keeper.query(f"KILL QUERY WHERE Settings['log_comment'] = {comment} ASYNC")
        except RuntimeError as error:
            raise refusal(str(error)) from error

    def describe(self) -> tuple[str, str]:
        """The engine's version and the time zone its answers are in."""
        row = self._keeper.query("SELECT version()", "TabSeparated").bytes().decode().strip()
        return row, OWN_SETTINGS["session_timezone"]

    def close(self) -> None:
        """Close the engine and give the folder up, without what a failed write left."""
        self._keeper.close()
        if self.writes.damaged:
            undo_merges(Path(self._path), self.writes.sound_at)
        self._lock.close()


def _take_folder(folder: Path) -> IO[str]:
    """Lock `folder`, made if need be, until the returned file is closed."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = {entry.name for entry in folder.iterdir()}
        if held and not held & _MARKS_OF_A_STORE:
            raise ConfigurationError(
                f"{folder}: not empty and no ClickHouse data folder; choose another --data"
            )
        lock = (folder / _LOCK_FILE).open("a+", encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"{folder}: cannot be used as data folder ({error.strerror}); choose another --data"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.seek(0)
        owner = lock.read().strip() or "unknown"
        lock.close()
        raise ConfigurationError(
            f"{folder}: in use by process {owner}; stop it or choose another --data"
        ) from error
    with suppress(OSError):  # it only tells a second owner who the first is; the disk may be full
        os.ftruncate(lock.fileno(), 0)
        os.write(lock.fileno(), str(os.getpid()).encode())
    return lock


def _preludes(request: Request) -> list[str]:
    """The statements that put a fresh connection into the request's circumstances."""
    settings = dict(OWN_SETTINGS) | dict(request.settings) | {"log_comment": request.query_id}
    for name in settings:
        if not _SETTING_NAME.fullmatch(name):
            raise StatementRefused(115, f"Unknown setting {name!r}. (UNKNOWN_SETTING)")
    pairs = ", ".join(f"{name} = {_quoted(value)}" for name, value in settings.items())
    use = [] if request.database is None else [f"USE {_named(request.database)}"]
    return [*use, f"SET {pairs}"]


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _named(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"


def _query(connection: Connection, request: Request) -> Answer:
    statement = request.statement
    result = connection.query(statement.sql, statement.format, dict(request.parameters))
    counts = {
        "read_rows": str(result.storage_rows_read()),
        "read_bytes": str(result.storage_bytes_read()),
        "written_rows": str(result.rows_written()),
        "written_bytes": str(result.bytes_written()),
        "result_rows": str(result.rows_read()),
        "elapsed_ns": str(round(result.elapsed() * 1e9)),
    }
    return Answer(result.bytes() or b"", counts)


def _insert(connection: Connection, request: Request) -> Answer:
    """Insert rows out of a file.

    Not through `send_insert`: that answers "written" when the disk is full and nothing is.
    """
    statement = request.statement
    with _file_of(statement.data or b"") as path:
        done = connection.query(
            f"{statement.sql} FROM INFILE {_quoted(path)} COMPRESSION 'none'"
            f" FORMAT {statement.format}"
        )
    counts = {
        "read_rows": "0",
        "read_bytes": "0",
        "written_rows": str(done.rows_written()),
        "written_bytes": str(done.bytes_written()),
        "elapsed_ns": str(round(done.elapsed() * 1e9)),
    }
    return Answer(b"", counts)


@contextmanager
def _file_of(data: bytes) -> Iterator[str]:
    """The path of a file with these bytes, in memory where the system has that."""
    if not hasattr(os, "memfd_create"):
        with NamedTemporaryFile(buffering=0) as file:
            _write_all(file.fileno(), data)
            yield file.name
        return
    number = os.memfd_create("rows")
    try:
        _write_all(number, data)
        yield f"/proc/self/fd/{number}"
    finally:
        os.close(number)


def _write_all(number: int, data: bytes) -> None:
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[os.write(number, rest) :]
    except OSError as error:
        raise StatementRefused(
            243, f"No room for the rows to insert: {error.strerror}. (NOT_ENOUGH_SPACE)"
        ) from error
