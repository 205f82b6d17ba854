"""Writes that do not arrive: not begun without room, noticed, and undone."""

import os
import resource
import shutil
import sys
from collections import namedtuple
from pathlib import Path

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

from streams.embedded.clickhouse_engine import Engine
from streams.embedded.clickhouse_statement import Request, StatementRefused, parse_statement
from streams.embedded.clickhouse_writes import (
    INSERT_ROOM_BYTES,
    MERGE_PAUSE_SECONDS,
    MERGE_ROOM_BYTES,
    UNDO_SECONDS,
    undo_merges,
)
from tests.streams.embedded.conftest import Program, Start, eventually

SERVER = "streams.embedded.clickhouse"
MERGES_STAND_STILL = 236
SINCE = 1_800_000_000.0
Usage = namedtuple("Usage", "free")


class Disk:
    """How much room there seems to be."""

    def __init__(self) -> None:
        self.free = INSERT_ROOM_BYTES * 2

    def usage(self, path: str) -> Usage:
        return Usage(self.free)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    made = Disk()
    monkeypatch.setattr(shutil, "disk_usage", made.usage)
    return made


def ask(engine: Engine, sql: str) -> str:
    request = Request(parse_statement(sql.encode()), "q", None, {}, {})
    return engine.run(request).body.decode().strip()


def part(table: Path, name: str, written_at: float) -> Path:
    made = table / name
    made.mkdir(parents=True)
    (made / "data.bin").write_bytes(b"rows")
    os.utime(made, (written_at, written_at))
    return made


def left(folder: Path) -> set[str]:
    return {path.name for path in (folder / "store").glob("*/*/*")}


BEFORE, AFTER = SINCE - UNDO_SECONDS - 1, SINCE - UNDO_SECONDS + 1


@pytest.mark.parametrize(
    ("parts", "undone"),
    [
        ({"all_1_1_0": BEFORE, "all_2_2_1": AFTER, "all_1_2_1": AFTER}, {"all_1_2_1"}),
        ({"all_1_1_0": BEFORE, "all_2_2_0": BEFORE, "all_1_2_1": BEFORE}, set()),
        (
            # What read a damaged merge goes with it, however whole it looks.
            {"5_1_1_0": BEFORE, "5_4_4_0": BEFORE, "5_1_3_1": AFTER, "5_3_3_0": BEFORE}
            | {"5_1_4_2": AFTER},
            {"5_1_3_1", "5_1_4_2"},
        ),
        # A merge whose sources are gone is all there is of its rows.
        ({"all_2_2_0": BEFORE, "all_1_3_1": AFTER}, set()),
        # Sources of another partition, or of a part beside it, are not its own.
        ({"a_1_1_0": BEFORE, "b_2_2_0": BEFORE, "a_1_2_1": AFTER}, set()),
        ({"all_1_1_0": BEFORE, "all_2_3_1": BEFORE, "all_1_2_1": AFTER}, set()),
        # A mutation replaces a merge of the same inserts.
        ({"all_1_2_1": BEFORE, "all_1_2_1_7": AFTER}, {"all_1_2_1_7"}),
        ({"detached": AFTER, "tmp_merge_all_1_2_1": AFTER, "all_1_1_0": AFTER}, set()),
    ],
)
def test_only_late_merges_with_their_sources_beside_them_are_undone(
    tmp_path: Path, parts: dict[str, float], undone: set[str]
) -> None:
    for name, written_at in parts.items():
        part(tmp_path / "store" / "abc" / "abcdef", name, written_at)
    assert set(undo_merges(tmp_path, SINCE)) == undone
    assert left(tmp_path) == parts.keys() - undone


def test_nothing_is_begun_without_room_but_reading_and_dropping(tmp_path: Path, disk: Disk) -> None:
    engine = Engine(tmp_path)
    ask(engine, "CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a")
    ask(engine, "INSERT INTO t FORMAT CSV\n1\n")
    disk.free = INSERT_ROOM_BYTES - 1
    for sql in ("INSERT INTO t FORMAT CSV\n2\n", "INSERT INTO t SELECT 2", "CREATE DATABASE d"):
        with pytest.raises(StatementRefused, match="Less than 64 MiB are free") as refused:
            ask(engine, sql)
        assert refused.value.code == 243
    assert ask(engine, "SELECT a FROM t") == "1"
    disk.free = 0
    ask(engine, "TRUNCATE TABLE t")
    ask(engine, "DROP TABLE t")
    engine.close()


def test_merges_stand_still_without_room_and_go_on_a_while_after(
    tmp_path: Path, disk: Disk
) -> None:
    engine = Engine(tmp_path)

    def merging() -> bool:
        try:
            ask(engine, "OPTIMIZE TABLE t FINAL SETTINGS optimize_throw_if_noop = 1")
        except StatementRefused as refused:
            if refused.code != MERGES_STAND_STILL:
                raise
            return False
        return True

    ask(engine, "CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a")
    ask(engine, "INSERT INTO t SELECT 1")
    engine.writes.look(100)
    assert merging()
    disk.free = MERGE_ROOM_BYTES - 1
    engine.writes.look(101)
    disk.free = INSERT_ROOM_BYTES * 2
    assert not merging()
    engine.writes.look(101 + MERGE_PAUSE_SECONDS - 1)
    assert not merging()
    engine.writes.look(101 + MERGE_PAUSE_SECONDS)
    assert merging()
    assert not engine.writes.damaged
    engine.close()


def test_what_a_merge_has_read_stays_a_while(tmp_path: Path) -> None:
    engine = Engine(tmp_path)
    kept = "SELECT value FROM system.merge_tree_settings WHERE name = 'old_parts_lifetime'"
    assert float(ask(engine, kept)) >= 3 * UNDO_SECONDS
    engine.close()


def test_an_engine_told_to_stop_undoes_what_failed_on_its_way_out(tmp_path: Path) -> None:
    for damaged, left_there in ((False, True), (True, False)):
        engine = Engine(tmp_path)
        name = f"t_{damaged}"
        ask(engine, f"CREATE TABLE {name} (a UInt8) ENGINE = MergeTree ORDER BY a")
        for number in range(2):
            ask(engine, f"INSERT INTO {name} SELECT {number}")
        ask(engine, f"OPTIMIZE TABLE {name} FINAL")
        folder = Path(
            ask(engine, f"SELECT path FROM system.parts WHERE table = '{name}' AND active")
        )
        assert folder.name == "all_1_2_1"
        engine.writes.damaged = damaged
        engine.close()
        assert folder.exists() is left_there


def limit_files(server: Program, size: int) -> None:
    """Let the server's files grow no longer, as on a full disk."""
    _, hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size, hard))


def numbers(client: Client) -> list[int]:
    return list(client.query("SELECT a FROM t ORDER BY a").result_columns[0])


def connect(server: Program) -> Client:
    return clickhouse_connect.get_client(host="127.0.0.1", port=server.port)


@pytest.mark.processes
@pytest.mark.skipif(sys.platform != "linux", reason="a running program gets no limits")
@pytest.mark.parametrize(
    "writing",
    ["INSERT INTO t SELECT number + 1000, 'x' FROM numbers(100)", "OPTIMIZE TABLE t FINAL"],
)
def test_a_failed_write_is_refused_and_leaves_all_that_was_acknowledged(
    start: Start, tmp_path: Path, writing: str
) -> None:
    server = start(SERVER, "--data", str(tmp_path / "data"))
    with connect(server) as client:
        client.command("CREATE TABLE t (a UInt64, s String) ENGINE = MergeTree ORDER BY a")
        for number in range(5):
            client.command(f"INSERT INTO t SELECT {number}, 'x'")
        limit_files(server, 0)
        with pytest.raises(DatabaseError, match="A write failed") as refused:
            client.command(writing)
        assert refused.value.code == 243
        assert eventually(lambda: readable(server))
        assert numbers(client) == list(range(5))
        limit_files(server, resource.RLIM_INFINITY)
        client.command("INSERT INTO t SELECT 5, 'x'")
        assert numbers(client) == list(range(6))
    assert server.process.poll() is None
    assert server.terminate() == 0


def readable(server: Program) -> bool:
    try:
        with connect(server) as client:
            return bool(numbers(client))
    except (DatabaseError, OperationalError):
        return False


@pytest.mark.processes
def test_a_merge_of_a_damaged_merge_is_undone_with_it(start: Start, tmp_path: Path) -> None:
    data = tmp_path / "data"
    server = start(SERVER, "--data", str(data))
    with connect(server) as client:
        merged, other = twice_merged(client, data, "t", 0), twice_merged(client, data, "u", 90)
    server.kill()
    (merged.parent / "all_1_3_1" / "data.bin").write_bytes(b"")
    shutil.rmtree(merged)
    shutil.copytree(other, merged)  # whole, but not what was inserted
    since = repr(merged.stat().st_mtime)
    for arguments, found in ([], [90, 91, 92, 93]), (["--undo-since", since], [0, 1, 2, 3]):
        server = start(SERVER, "--data", str(data), *arguments)
        with connect(server) as client:
            assert numbers(client) == found
        server.kill()


def twice_merged(client: Client, data: Path, table: str, first: int) -> Path:
    """The folder of a part made of one insert and of a part made of three."""
    client.command(f"CREATE TABLE {table} (a UInt64) ENGINE = MergeTree ORDER BY a")
    for number in range(4):
        client.command(f"INSERT INTO {table} SELECT {first + number}")
        if number >= 2:
            client.command(f"OPTIMIZE TABLE {table} FINAL")
    sql = f"SELECT path FROM system.parts WHERE table = '{table}' AND active"
    path = Path(str(client.command(sql)))
    assert path.name == "all_1_4_2"
    return path
