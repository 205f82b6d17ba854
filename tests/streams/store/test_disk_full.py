"""A store whose disk is full, and has room again: nothing acknowledged is lost, all of it comes."""

import asyncio
import os
import random
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from models.errors import StoreUnavailable
from models.settings import ClickHouse
from streams.delivery.records import Incoming
from streams.store.client import Store, connect
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
SMALL, LARGE = 96 << 20, 384 << 20
BATCH = 200
ROOM = 72 << 20
"""Little more than the store wants to have free."""

WRITE_SECONDS = 0.06
TIMES = 40


class Disk:
    """A folder on a small disk of its own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        if not self._mount(f"size={SMALL}"):
            pytest.skip("nothing may be mounted here")

    def _mount(self, options: str) -> bool:
        if sys.platform != "linux" or shutil.which("mount") is None:
            return False
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.folder)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def make_room(self) -> None:
        assert self._mount(f"remount,size={LARGE}")

    def leave(self, room: int) -> None:
        """Let so many bytes be free, in an instant."""
        with (self.folder / "ballast").open("ab") as file:
            more = shutil.disk_usage(self.folder).free - room
            size = file.seek(0, os.SEEK_END)
            if more < 0:
                file.truncate(max(0, size + more))
            elif more > 0:
                with suppress(OSError):  # others took some of it: nothing is left
                    os.posix_fallocate(file.fileno(), size, more)

    def remove(self) -> None:
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


COUNT = "SELECT count() AS n, uniqExact(sample_key) AS keys FROM samples FINAL"


def whole(batches: int) -> dict[str, int]:
    return {"n": batches * BATCH, "keys": batches * BATCH}


async def until_full(sink: Sink) -> tuple[int, StoreUnavailable]:
    """How many batches were acknowledged until one was not, and why."""
    for number in range(LARGE // BATCH // 1500):
        try:
            await sink.write(batch(number))
        except StoreFull as problem:
            return number, problem
    raise AssertionError("the disk has room for everything")


@asynccontextmanager
async def limited(
    programs: ExitStack, disk: Disk, announcement: Path
) -> AsyncIterator[tuple[Program, Store, Sink]]:
    """A server whose disk has little room, and what reads there and writes."""
    server = start(programs, disk, announcement)
    where = ClickHouse(url=f"http://127.0.0.1:{server.port}")
    store = filled(where, [])
    programs.callback(store.close)
    async_store = await connect(where)
    yield server, store, Sink(async_store, TOPICS, FORM, lambda: STORED_AT)
    await async_store.aclose()


async def test_a_full_disk_is_waited_for_and_nothing_is_lost(
    disk: Disk, programs: ExitStack, tmp_path: Path
) -> None:
    async with limited(programs, disk, tmp_path / "a.json") as (_, store, sink):
        written, problem = await until_full(sink)
        assert str(problem).startswith(
            "the store's disk is full: free space where ClickHouse at http"
        )
        assert "records wait in Kafka" in str(problem)
        [there] = store.query(COUNT)
        assert written * BATCH <= there["n"] <= (written + 1) * BATCH
        with pytest.raises(StoreFull):
            await sink.write(batch(written))
        assert full_disks(store) == [f"{disk.folder / 'data'}/"]
        disk.make_room()
        assert full_disks(store) == []
        await sink.write(batch(written))
        assert store.query(COUNT) == [whole(written + 1)]


async def test_a_store_that_dies_with_its_disk_full_starts_again_whole(
    disk: Disk, programs: ExitStack, tmp_path: Path
) -> None:
    async with limited(programs, disk, tmp_path / "a.json") as (server, store, sink):
        written, _ = await until_full(sink)
        server.kill()
        start(programs, disk, tmp_path / "b.json", "--port", str(server.port))
        disk.make_room()
        migrate(store)
        await sink.write(batch(written))
        assert store.query(COUNT) == [whole(written + 1)]


async def test_a_disk_that_fills_while_rows_are_written_costs_none(
    disk: Disk, programs: ExitStack, tmp_path: Path
) -> None:
    """Writes are hit by it, mostly; whatever answers has all that it took."""
    disk.make_room()
    chance, written = random.Random(3), 0
    async with limited(programs, disk, tmp_path / "a.json") as (server, store, sink):
        for _ in range(TIMES):
            disk.leave(ROOM)
            await until_written(sink, written)
            written += 1
            writing = asyncio.create_task(sink.write(batch(written)))
            await asyncio.sleep(chance.uniform(0.0, WRITE_SECONDS))
            await asyncio.to_thread(disk.leave, 0)
            with suppress(StoreUnavailable):
                await writing
                written += 1
            with suppress(StoreUnavailable):
                assert store.query(COUNT)[0]["n"] >= written * BATCH
        disk.leave(ROOM)
        await until_written(sink, written)
        assert store.query(COUNT) == [whole(written + 1)]
        assert server.process.poll() is None
        server.kill()
        start(programs, disk, tmp_path / "b.json", "--port", str(server.port))
        assert store.query(COUNT) == [whole(written + 1)]


async def until_written(sink: Sink, number: int) -> None:
    async with asyncio.timeout(30):
        while True:
            with suppress(StoreUnavailable):
                await sink.write(batch(number))
                return
            await asyncio.sleep(0.1)
