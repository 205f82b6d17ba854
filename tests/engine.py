"""A real ClickHouse engine for tests that look at pages, and a store filled with traffic."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.rows import Row
from models.settings import ClickHouse
from streams.embedded.announce import read_announcement
from streams.store.client import Store, connect_sync
from streams.store.schema import migrate

START_SECONDS = 60


@contextmanager
def clickhouse(folder: Path) -> Iterator[str]:
    """The address of an engine that lives as long as the block."""
    announcement = folder / "announcement.json"
    program = [sys.executable, "-m", "streams.embedded.clickhouse"]
    arguments = ["--data", str(folder / "data"), "--announce", str(announcement)]
    with subprocess.Popen([*program, *arguments], stdin=subprocess.PIPE) as process:
        try:
            yield f"http://127.0.0.1:{_port(announcement, process)}"
        finally:
            process.terminate()


def filled(where: ClickHouse, rows: list[Row]) -> Store:
    """A store with all tables and these rows."""
    store = connect_sync(where)
    store.create_database()
    migrate(store)
    if rows:
        store.insert(rows)
    return store


def _port(announcement: Path, process: "subprocess.Popen[bytes]") -> int:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if (facts := read_announcement(announcement)) is not None:
            return int(facts["port"])
        time.sleep(0.02)
    raise AssertionError(f"no ClickHouse after {START_SECONDS} s, exit code {process.poll()}")
