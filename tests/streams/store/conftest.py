"""A real engine for the store's tests: one process for the run, a database of its own per test."""

import itertools
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from models.settings import ClickHouse
from streams.embedded.announce import read_announcement
from streams.store.client import AsyncStore, Store, connect, connect_sync
from streams.store.schema import migrate

START_SECONDS = 60
_numbers = itertools.count()


@pytest.fixture(scope="session")
def engine_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a ClickHouse that lives as long as the test run."""
    pytest.importorskip("chdb")
    folder = tmp_path_factory.mktemp("clickhouse")
    announcement = folder / "announcement.json"
    program = [sys.executable, "-m", "streams.embedded.clickhouse"]
    arguments = ["--data", str(folder / "data"), "--announce", str(announcement)]
    with subprocess.Popen([*program, *arguments], stdin=subprocess.PIPE) as process:
        try:
            yield f"http://127.0.0.1:{_port(announcement, process)}"
        finally:
            process.terminate()


def _port(announcement: Path, process: "subprocess.Popen[bytes]") -> int:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if (facts := read_announcement(announcement)) is not None:
            return int(facts["port"])
        time.sleep(0.02)
    pytest.fail(f"no ClickHouse after {START_SECONDS} s, exit code {process.poll()}")


@pytest.fixture
def where(engine_url: str) -> ClickHouse:
    """A database that nothing has used."""
    return ClickHouse(url=engine_url, database=f"test_{next(_numbers)}")


@pytest.fixture
def empty_store(where: ClickHouse) -> Iterator[Store]:
    """A store without a database."""
    store = connect_sync(where)
    yield store
    store.create_database()
    store.command("DROP DATABASE IF EXISTS {name:Identifier}", {"name": where.database})
    store.close()


@pytest.fixture
def store(empty_store: Store) -> Store:
    """A store with all tables, empty."""
    migrate(empty_store)
    return empty_store


@pytest.fixture
async def async_store(store: Store) -> AsyncIterator[AsyncStore]:
    """The same for an event loop."""
    connected = await connect(store.where)
    yield connected
    await connected.aclose()
