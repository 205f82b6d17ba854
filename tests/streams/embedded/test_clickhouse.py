import asyncio
import itertools
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

pytest.importorskip("chdb")

import pandas as pd

from tests.streams.embedded.conftest import (
    PATIENCE,
    Program,
    Start,
    eventually,
    eventually_async,
    run_to_end,
    start_program,
)

pytestmark = pytest.mark.processes
SERVER = "streams.embedded.clickhouse"
FOREVER = (
    "SELECT sum(sleepEachRow(1)) FROM numbers(100) SETTINGS max_block_size = 1, "
    "function_sleep_max_microseconds_per_block = 1000000000"
)
SLEEPERS = "SELECT count() FROM system.processes WHERE query LIKE 'SELECT sum(sleepEachRow%'"


def connect(server: Program, **options: object) -> Client:
    return clickhouse_connect.get_client(host="127.0.0.1", port=server.port, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clickhouse")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Program]:
    program = start_program(SERVER, folder / "a.json", "--data", str(folder / "data"))
    yield program
    program.kill()
    assert program.process.stdin is not None
    program.process.stdin.close()


@pytest.fixture
def client(server: Program, request: pytest.FixtureRequest) -> Iterator[Client]:
    """A client in a database of its own."""
    name = f"d_{abs(hash(request.node.name))}"
    with connect(server) as first:
        first.command(f"CREATE DATABASE {name}")
    with connect(server, database=name) as own:
        yield own


COLUMNS = ["k", "at", "version", "score", "tags", "labels"]
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def make_table(client: Client) -> None:
    client.command(
        "CREATE TABLE results (k String, at DateTime64(3, 'UTC'), version UInt128, "
        "score Nullable(Float64), tags Map(LowCardinality(String), String), labels Array(String)) "
        "ENGINE = ReplacingMergeTree(version) PARTITION BY toYYYYMM(at) ORDER BY k "
        "TTL toDateTime(at) + INTERVAL 10 YEAR"
    )


def rows(count: int, version: int = 2**100) -> list[list[object]]:
    return [
        [f"k{i}\n'\\", AT, version, None if i % 2 else 0.5, {"lang": "de"}, ["a", "b"]]
        for i in range(count)
    ]


@pytest.mark.parametrize("compress", ["lz4", "zstd", "gzip", False])
def test_rows_come_back_as_they_went_in(server: Program, client: Client, compress: object) -> None:
    make_table(client)
    with connect(server, database=client.database, compress=compress) as own:
        assert own.insert("results", rows(300), column_names=COLUMNS).written_rows == 300
        found = own.query("SELECT * FROM results ORDER BY length(k), k LIMIT 3").result_rows
    expected = [tuple(row) for row in rows(3)]
    assert [(row[0], row[1].replace(tzinfo=UTC), *row[2:]) for row in found] == expected


def test_later_versions_win_and_partitions_and_new_columns_work(client: Client) -> None:
    make_table(client)
    client.insert("results", rows(5), column_names=COLUMNS)
    later = [[*row[:3], 0.9, *row[4:]] for row in rows(5, version=2**100 + 1)]
    client.insert("results", later, column_names=COLUMNS)
    figures = "SELECT count(), min(score), max(version) FROM results FINAL"
    assert client.query(figures).result_rows == [(5, 0.9, 2**100 + 1)]
    for _ in range(2):
        client.command("ALTER TABLE results ADD COLUMN IF NOT EXISTS cost Nullable(Float64)")
    client.command("OPTIMIZE TABLE results FINAL")
    assert client.query("SELECT count(), count(cost) FROM results").result_rows == [(5, 0)]
    client.command("ALTER TABLE results DROP PARTITION 202603")
    assert client.command("SELECT count() FROM results") == 0


def test_rows_past_their_time_to_live_go(client: Client) -> None:
    client.command(
        "CREATE TABLE old (k UInt8, at DateTime('UTC')) ENGINE = MergeTree ORDER BY k "
        "TTL at + INTERVAL 1 DAY"
    )
    client.insert("old", [[1, AT - timedelta(days=3_000)], [2, datetime.now(UTC)]])
    client.command("OPTIMIZE TABLE old FINAL")
    assert client.query("SELECT k FROM old").result_rows == [(2,)]


def test_parameters_settings_and_database_belong_to_one_request(client: Client) -> None:
    hostile = "x' OR 1 = 1; DROP TABLE t --\n\t\\ \N{SNOWMAN}"
    asked = client.query(
        "SELECT {text:String}, {at:DateTime64(3, 'UTC')}, {many:Array(String)}, "
        "{none:Nullable(Int8)}",
        parameters={"text": hostile, "at": AT, "many": ["a'b", "c"], "none": None},
    )
    ((text, at, many, none),) = asked.result_rows
    assert (text, at.replace(tzinfo=UTC), many, none) == (hostile, AT, ["a'b", "c"], None)
    setting = "SELECT toInt64(getSetting('max_block_size'))"
    assert client.query(setting, settings={"max_block_size": 77}).result_rows == [(77,)]
    assert client.query(setting).result_rows != [(77,)]
    assert client.command("SELECT currentDatabase()") == client.database
    assert client.command("SELECT currentDatabase()", use_database=False) == "default"
    many_values = {"v": ["long"] * 5_000}
    assert client.command("SELECT length({v:Array(String)})", many_values) == 5_000
    assert client.query("SELECT length({v:Array(String)})", many_values).result_rows == [(5_000,)]


def test_frames_arrow_and_raw_formats_work(client: Client) -> None:
    client.command(
        "CREATE TABLE f (a Int64, b String, at DateTime64(3, 'UTC')) ENGINE = MergeTree ORDER BY a"
    )
    times = pd.to_datetime(["2026-01-01", "2026-01-02"], utc=True)
    client.insert_df("f", pd.DataFrame({"a": [1, 2], "b": ["x", "y"], "at": times}))
    frame = client.query_df("SELECT * FROM f ORDER BY a")
    assert frame["b"].tolist() == ["x", "y"]
    assert frame["at"].dt.day.tolist() == [1, 2]
    assert client.query_arrow("SELECT a, b FROM f ORDER BY a").to_pydict() == {
        "a": [1, 2],
        "b": ["x", "y"],
    }
    assert client.raw_query("SELECT 1 AS x", fmt="JSONEachRow") == b'{"x":1}\n'
    assert client.raw_insert("f", ["a", "b"], b"5,five\n", fmt="CSV").written_rows == 1
    with client.query_row_block_stream("SELECT number FROM numbers(200000)") as blocks:
        assert sum(len(block) for block in blocks) == 200_000


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELEC 1", 62),
        ("SELECT * FROM nowhere", 60),
        ("SELECT throwIf(1)", 395),
        ("SELECT 1; SELECT 2", 62),
        ("SELECT {missing:Int8}", 456),
        ("SELECT 1 SETTINGS no_such_setting = 1", 115),
        ("SELECT sleep(2) SETTINGS max_execution_time = 0.2", 159),
    ],
)
def test_errors_carry_clickhouses_code_and_harm_nobody_after(
    client: Client, sql: str, code: int
) -> None:
    with pytest.raises(DatabaseError) as failed:
        client.query(sql)
    assert failed.value.code == code
    assert client.query("SELECT 1").result_rows == [(1,)]


def test_a_broken_insert_leaves_no_row(client: Client) -> None:
    client.command("CREATE TABLE b (a UInt64, s String) ENGINE = MergeTree ORDER BY a")
    block = client.raw_query("SELECT number AS a, 'text' AS s FROM numbers(100)", fmt="Native")
    with pytest.raises(DatabaseError, match="CANNOT_READ_ALL_DATA"):
        client.raw_insert("b", ["a", "s"], block[:300], fmt="Native")
    assert client.command("SELECT count() FROM b") == 0
    client.raw_insert("b", ["a", "s"], block, fmt="Native")
    assert client.command("SELECT count() FROM b") == 100


async def test_slow_queries_delay_nobody_and_end_with_their_clients(server: Program) -> None:
    client = await clickhouse_connect.get_async_client(host="127.0.0.1", port=server.port)

    async def six_sleep() -> bool:
        return bool(await client.command(SLEEPERS) == 6)

    async def none_sleeps() -> bool:
        return bool(await client.command(SLEEPERS) == 0)

    await client.command("CREATE TABLE beside (a Int64) ENGINE = MergeTree ORDER BY a")
    slow = [asyncio.create_task(client.query(FOREVER)) for _ in range(6)]
    await eventually_async(six_sleep)
    async with asyncio.timeout(10):
        assert (await client.insert("beside", [[1]], column_names=["a"])).written_rows == 1
        assert await client.command("SELECT count() FROM beside") == 1
    for query in slow:
        query.cancel()
    await asyncio.gather(*slow, return_exceptions=True)
    await eventually_async(none_sleeps)
    await client.close()


def fetch(server: Program, path: str, **headers: str) -> tuple[int, str]:
    request = urllib.request.Request(f"http://{server.address}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_get_only_reads_and_web_pages_are_sent_away(server: Program) -> None:
    assert fetch(server, "/ping") == (200, "Ok.\n")
    assert fetch(server, "/") == (200, "Ok.\n")
    assert fetch(server, "/?query=SELECT+2") == (200, "2\n")
    assert fetch(server, "/?query=SELECT+2&default_format=CSVWithNames") == (200, '"2"\n2\n')
    status, said = fetch(server, "/?query=CREATE+DATABASE+x")
    assert (status, "readonly" in said) == (403, True)
    assert fetch(server, "/?query=SELECT+2", Origin="http://evil.example")[0] == 403
    assert fetch(server, "/?query=SELECT+2", Host="evil.example")[0] == 403


def insert_until_killed(client: Client) -> int:
    """Insert 0, 1, 2... while there is a server; how many were acknowledged."""
    for number in itertools.count():
        try:
            client.insert("t", [[number]], column_names=["a"], column_type_names=["UInt64"])
        except OperationalError:
            return number
    raise AssertionError("there is no end to counting")


def test_rows_once_acknowledged_survive_kill_9(start: Start, tmp_path: Path) -> None:
    data = ("--data", str(tmp_path / "data"))
    server = start(SERVER, *data)
    with connect(server) as client:
        client.command("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
        killer = threading.Timer(0.5, server.process.kill)
        killer.start()
        acknowledged = insert_until_killed(client)
    server.process.wait()
    assert acknowledged > 0
    again = start(SERVER, *data, "--port", str(server.port))
    assert again.port == server.port
    with connect(again) as client:
        seen = client.query("SELECT a FROM t ORDER BY a").result_columns[0]
    assert list(seen) in (list(range(acknowledged)), list(range(acknowledged + 1)))


def test_sigterm_ends_slow_queries_and_leaves_the_folder_whole(
    start: Start, tmp_path: Path
) -> None:
    data = ("--data", str(tmp_path / "data"))
    server = start(SERVER, *data)
    failures: list[Exception] = []

    def wait_forever() -> None:
        try:
            with connect(server) as client:
                client.query(FOREVER)
        except DatabaseError as error:
            failures.append(error)

    with connect(server) as client:
        client.command(
            "CREATE TABLE t ENGINE = MergeTree ORDER BY a AS SELECT number AS a FROM numbers(9)"
        )
        waiting = threading.Thread(target=wait_forever)
        waiting.start()
        assert eventually(lambda: client.command(SLEEPERS) == 1)
        assert server.terminate() == 0
        waiting.join(PATIENCE)
    assert len(failures) == 1
    with connect(start(SERVER, *data)) as client:
        assert client.command("SELECT count() FROM t") == 9


def test_a_folder_that_is_not_to_be_had_is_one_line_and_exit_78(
    server: Program, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("dear")
    (tmp_path / "file").touch()
    (tmp_path / "port").mkdir()
    mistakes = {
        (str(folder / "data"), "0"): f"in use by process {server.process.pid}",
        (str(tmp_path / "full"), "0"): "not empty and no ClickHouse data folder",
        (str(tmp_path / "file"), "0"): "cannot be used as data folder",
        (str(tmp_path / "port"), str(server.port)): f"--port {server.port}: cannot listen there",
    }
    for (data, port), said in mistakes.items():
        arguments = ("--data", data, "--announce", str(tmp_path / "a.json"), "--port", port)
        ended = run_to_end(SERVER, *arguments)
        assert (ended.returncode, len(ended.stderr.splitlines())) == (78, 1), ended.stderr
        assert said in ended.stderr
