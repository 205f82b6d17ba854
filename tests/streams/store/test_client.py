import asyncio
import logging
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, ClassVar

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError
from pydantic import SecretStr

from models.errors import ConfigurationError, StoreUnavailable, TidegaugeError
from models.rows import Row
from models.settings import ClickHouse
from models.table import Column, LowCardinality, OptionalTime, Precedence, Table, Tags, Time
from streams.store import client
from streams.store.client import AsyncStore, Store, connect, connect_sync
from streams.store.errors import Refused, StoreFull, translated
from streams.store.schema import create_table

ROOT = Path(__file__).parents[3]
HOSTILE = "'; DROP TABLE x; -- {a:String} \\' \" \n\t\0 \u202e ñ 🌊 %s {0} </script>"
NOON = datetime(2026, 3, 4, 12, 0, 0, 123_000, tzinfo=UTC)


class AnyRow(Row):
    TABLE: ClassVar = Table("anything", order_by=("text",), version=None)

    text: str
    word: LowCardinality
    number: int
    small: Annotated[int, Column("UInt64")]
    share: float | None
    flag: bool
    day: date
    at: Time
    since: OptionalTime
    words: tuple[str, ...]
    shares: tuple[float, ...]
    tags: Tags
    precedence: Precedence


def any_row(text: str = HOSTILE) -> AnyRow:
    return AnyRow(
        text=text,
        word=text,
        number=-(2**63),
        small=2**64 - 1,
        share=None,
        flag=True,
        day=date(2026, 3, 4),
        at=NOON,
        since=None,
        words=(text, ""),
        shares=(0.1, 1e-300),
        tags={text: text},
        precedence=2**128 - 1,
    )


@pytest.fixture
def anything(store: Store) -> Store:
    """A store with one table more."""
    store.command(create_table(AnyRow))
    return store


@pytest.mark.processes
async def test_every_cell_comes_back_as_it_went_in(
    anything: Store, async_store: AsyncStore
) -> None:
    await async_store.insert([any_row(), any_row("plain")])
    anything.insert([any_row("later")])
    sql = "SELECT * FROM anything WHERE text = {text:String}"
    for text in (HOSTILE, "plain", "later"):
        for rows in (
            anything.query(sql, {"text": text}),
            await async_store.query(sql, {"text": text}),
        ):
            back = [AnyRow.model_validate(row) for row in rows]
            assert back == [any_row(text)]
            assert back[0].at.tzinfo is not None


@pytest.mark.processes
def test_values_are_bound_never_pasted(anything: Store) -> None:
    row = anything.query(
        "SELECT {a:String} AS a, {b:Array(String)} AS b, {c:DateTime64(3, 'UTC')} AS c",
        {"a": HOSTILE, "b": [HOSTILE, "x"], "c": NOON},
    )
    assert row == [{"a": HOSTILE, "b": [HOSTILE, "x"], "c": NOON}]


@pytest.mark.processes
def test_a_frame(anything: Store) -> None:
    anything.insert([any_row("a"), any_row("b")])
    frame = anything.frame("SELECT text, share, at FROM anything ORDER BY text")
    assert list(frame["text"]) == ["a", "b"]
    assert frame["share"].isna().all()
    assert frame["at"][0] == NOON


INSERTS_WITHOUT_FRAMES = """
import sys
from models.settings import ClickHouse
from streams.store.client import connect_sync, without_frames
from tests.streams.store.test_client import any_row

without_frames()
connect_sync(ClickHouse(url=sys.argv[1], database=sys.argv[2])).insert([any_row()])
print(*sorted({"numpy", "pandas"} & set(sys.modules)))
"""


@pytest.mark.processes
def test_a_process_without_frames_inserts_without_pandas(anything: Store) -> None:
    where = anything.where.url, anything.where.database
    program = (sys.executable, "-c", INSERTS_WITHOUT_FRAMES, *where)
    done = subprocess.run(program, cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout == "\n"
    assert anything.query("SELECT count() AS n FROM anything")[0]["n"] == 1


@pytest.mark.processes
def test_broken_clocks_land_at_the_border(anything: Store) -> None:
    moments = [datetime(1, 1, 1), datetime(9999, 12, 31, tzinfo=UTC)]  # noqa: DTZ001 - naive
    anything.insert([any_row("x").model_copy(update={"at": moment}) for moment in moments])
    years = anything.query("SELECT toYear(at) AS year FROM anything ORDER BY year")
    assert [row["year"] for row in years] == [1970, 2200]


@pytest.mark.processes
@pytest.mark.parametrize(
    "cells", [{"number": 2**63}, {"small": -1}, {"text": "\ud800"}, {"precedence": 2**128}]
)
async def test_cells_that_do_not_fit_are_refused_by_both(
    anything: Store, async_store: AsyncStore, cells: dict[str, object]
) -> None:
    rows = [any_row("ok"), any_row("x").model_copy(update=cells)]
    with pytest.raises(Refused):
        await async_store.insert(rows)
    with pytest.raises(Refused):
        anything.insert(rows)
    await async_store.insert([any_row("still works")])
    assert anything.query("SELECT text FROM anything") == [{"text": "still works"}]


@pytest.mark.processes
@pytest.mark.parametrize(
    ("sql", "error", "named"),
    [
        ("SELECT * FROM nowhere", ConfigurationError, "tidegauge migrate"),
        ("SELECT nothing FROM samples", ConfigurationError, "tidegauge migrate"),
        ("SELEC 1", Refused, "Syntax error"),
        ("SELECT {a:UInt8}", Refused, "a"),
    ],
)
async def test_what_the_server_says_in_our_words(
    store: Store, async_store: AsyncStore, sql: str, error: type[TidegaugeError], named: str
) -> None:
    with pytest.raises(error, match=named):
        store.query(sql)
    with pytest.raises(error, match=named):
        await async_store.query(sql)


@pytest.mark.processes
async def test_before_migration_the_database_is_what_lacks(empty_store: Store) -> None:
    with pytest.raises(ConfigurationError, match="tidegauge migrate"):
        empty_store.query("SELECT 1 FROM samples")
    with pytest.raises(ConfigurationError, match="tidegauge migrate"):
        empty_store.insert([any_row()])


async def test_nobody_there(free_port: int, caplog: pytest.LogCaptureFixture) -> None:
    where = ClickHouse(url=f"http://127.0.0.1:{free_port}")
    with caplog.at_level(logging.DEBUG):
        with pytest.raises(StoreUnavailable, match=f"{where.url} .*Connection refused"):
            connect_sync(where)
        with pytest.raises(StoreUnavailable, match=f"{where.url} .*Connection refused"):
            await connect(where)
    assert not [record for record in caplog.records if record.exc_info], "no traceback in the log"


@pytest.fixture
async def silent_url() -> AsyncIterator[str]:
    """A server that takes requests and never answers."""

    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(keep, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_server_that_never_answers(
    silent_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "ANSWER_SECONDS", 1)
    where = ClickHouse(url=silent_url)
    with pytest.raises(StoreUnavailable, match="does not answer"):
        await connect(where)
    with pytest.raises(StoreUnavailable, match="does not answer"):
        await asyncio.to_thread(connect_sync, where)


@pytest.mark.parametrize("url", ["127.0.0.1:8123", "ftp://x", "http://", ""])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(ConfigurationError, match="TIDEGAUGE_CLICKHOUSE__URL"):
        connect_sync(ClickHouse(url=url))


WHERE = ClickHouse(user="ana", password=SecretStr("hunter2"))


@pytest.mark.parametrize(
    ("code", "error", "named"),
    [
        (516, ConfigurationError, "TIDEGAUGE_CLICKHOUSE__USER"),
        (60, ConfigurationError, "tidegauge migrate"),
        (117, Refused, "what went wrong"),
        (241, StoreUnavailable, "cannot work now"),
        (243, StoreFull, "disk is full"),
        (99_999, StoreUnavailable, "cannot work now"),
        (None, StoreUnavailable, "does not answer"),
    ],
)
def test_codes(code: int | None, error: type[TidegaugeError], named: str) -> None:
    said = DatabaseError(f"code: {code}, DB::Exception: what went wrong", code=code)
    found = translated(said, WHERE)
    assert type(found) is error
    assert named in str(found)
    assert "hunter2" not in str(found)


def test_a_proxy_that_refuses_is_about_credentials() -> None:
    said = OperationalError("HTTP driver received HTTP status 401")
    assert "TIDEGAUGE_CLICKHOUSE__PASSWORD" in str(translated(said, WHERE))


def test_long_answers_are_cut() -> None:
    assert len(str(translated(DatabaseError("x" * 10_000), WHERE))) < 1000
