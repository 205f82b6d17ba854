"""A store whose disk is full, and has room again: nothing acknowledged is lost, all of it comes."""

import random
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from models.errors import StoreUnavailable
from models.settings import ClickHouse
from streams.delivery.records import Incoming
from streams.store.client import connect
from streams.store.contents import full_disks
from streams.store.errors import StoreFull
from streams.store.schema import migrate
from streams.store.sink import Sink
from tests import data_records as data
from tests.data_records import FORM, TOPICS
from tests.engine import filled
from tests.streams.embedded.conftest import Program, start_program

pytestmark = pytest.mark.processes

STORED_AT = datetime(2026, 11, 20, tzinfo=UTC)
SERVER = "streams.embedded.clickhouse"
SMALL, LARGE = 24 << 20, 96 << 20
BATCH = 200


class Disk:
    """A folder on a disk of its own, or on a shared one where files cannot grow long."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.mounted = self._mount(f"size={SMALL}")

    def _mount(self, options: str) -> bool:
        if sys.platform != "linux" or shutil.which("mount") is None:
            return False
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.folder)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def limit(self, server: Program) -> None:
        if not self.mounted:
            self._limit(server, 100_000)

    def make_room(self, server: Program) -> None:
        if self.mounted:
            assert self._mount(f"remount,size={LARGE}")
        else:
            self._limit(server, resource.RLIM_INFINITY)

    def _limit(self, server: Program, size: int) -> None:
        _, hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size, hard))

    def remove(self) -> None:
        if self.mounted:
            subprocess.run(["umount", str(self.folder)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    made = Disk(tmp_path / "disk")
    yield made
    made.remove()


@pytest.fixture
def programs(disk: Disk) -> Iterator[ExitStack]:
    """What is started on that disk, ended before it goes."""
    with ExitStack() as stack:
        yield stack


def start(programs: ExitStack, disk: Disk, announcement: Path, *arguments: str) -> Program:
    data_folder = str(disk.folder / "data")
    program = start_program(SERVER, announcement, "--data", data_folder, *arguments)
    assert program.process.stdin is not None
    programs.callback(program.process.stdin.close)
    programs.callback(program.kill)
    return program


def batch(number: int) -> list[Incoming]:
    """Samples whose text does not compress."""
    numbers = range(number * BATCH, (number + 1) * BATCH)
    rng = random.Random(number)
    return [
        data.record(TOPICS.samples, n, data.sample(n, text=rng.randbytes(1500).hex()).encode())
        for n in numbers
    ]


async def until_full(sink: Sink) -> tuple[int, StoreUnavailable]:
    """How many batches were acknowledged until one was not, and why."""
    for number in range(LARGE // BATCH // 1500):
        try:
            await sink.write(batch(number))
        except StoreFull as problem:
            return number, problem
    raise AssertionError("the disk has room for everything")


async def test_a_full_disk_is_waited_for_and_nothing_is_lost(
    disk: Disk, programs: ExitStack, tmp_path: Path
) -> None:
    server = start(programs, disk, tmp_path / "a.json")
    where = ClickHouse(url=f"http://127.0.0.1:{server.port}")
    store = filled(where, [])
    programs.callback(store.close)
    async_store = await connect(where)
    sink = Sink(async_store, TOPICS, FORM, lambda: STORED_AT)
    disk.limit(server)
    written, problem = await until_full(sink)
    assert str(problem).startswith("the store's disk is full: free space where ClickHouse at http")
    assert "records wait in Kafka" in str(problem)
    count = "SELECT count() AS n, uniqExact(sample_key) AS keys FROM samples FINAL"
    [there] = store.query(count)
    assert written * BATCH <= there["n"] <= (written + 1) * BATCH
    with pytest.raises(StoreFull):
        await sink.write(batch(written))
    if disk.mounted:
        assert full_disks(store) == [f"{disk.folder / 'data'}/"]
    disk.make_room(server)
    assert full_disks(store) == []
    await sink.write(batch(written))
    whole = {"n": (written + 1) * BATCH, "keys": (written + 1) * BATCH}
    assert store.query(count) == [whole]
    await async_store.aclose()


async def test_a_store_that_dies_with_its_disk_full_starts_again_whole(
    disk: Disk, programs: ExitStack, tmp_path: Path
) -> None:
    server = start(programs, disk, tmp_path / "a.json")
    where = ClickHouse(url=f"http://127.0.0.1:{server.port}")
    store = filled(where, [])
    programs.callback(store.close)
    async_store = await connect(where)
    sink = Sink(async_store, TOPICS, FORM, lambda: STORED_AT)
    disk.limit(server)
    written, _ = await until_full(sink)
    server.kill()
    again = start(programs, disk, tmp_path / "b.json", "--port", str(server.port))
    disk.make_room(again)
    migrate(store)
    await sink.write(batch(written))
    assert store.query("SELECT count() AS n FROM samples FINAL") == [{"n": (written + 1) * BATCH}]
    await async_store.aclose()
