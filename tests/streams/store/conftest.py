"""A real engine for the store's tests: one process for the run, a database of its own per test."""

import itertools
from collections.abc import AsyncIterator, Iterator

import pytest

from models.settings import ClickHouse
from streams.store.client import AsyncStore, Store, connect, connect_sync
from streams.store.schema import migrate
from tests.data_hour import small_traffic
from tests.engine import clickhouse

_numbers = itertools.count()
_left: list[str] = []
"""Databases with all tables and no rows."""


@pytest.fixture(scope="session")
def engine_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a ClickHouse that lives as long as the test run."""
    pytest.importorskip("chdb")
    with clickhouse(tmp_path_factory.mktemp("clickhouse")) as url:
        yield url


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
def store(engine_url: str) -> Iterator[Store]:
    """A store with all tables, empty; left as they were, they are the next test's."""
    database = _left.pop() if _left else f"test_{next(_numbers)}"
    store = connect_sync(ClickHouse(url=engine_url, database=database))
    migrate(store)
    made = _made(store).keys()
    yield store
    after = _made(store)
    if after.keys() == made:
        for (name, _), rows in after.items():
            if rows:
                store.command("TRUNCATE TABLE {name:Identifier}", {"name": name})
        _left.append(database)
    store.close()


def _made(store: Store) -> dict[tuple[str, str], int]:
    """How many rows each table has, by its name and definition."""
    sql = "SELECT name, create_table_query AS made, total_rows AS n FROM system.tables"
    found = store.query(f"{sql} WHERE database = {{name:String}}", {"name": store.where.database})
    return {(row["name"], row["made"]): row["n"] for row in found}


@pytest.fixture
async def async_store(store: Store) -> AsyncIterator[AsyncStore]:
    """The same for an event loop."""
    connected = await connect(store.where)
    yield connected
    await connected.aclose()


@pytest.fixture(params=["once", "twice"])
def filled(store: Store, request: pytest.FixtureRequest) -> Store:
    """The hour of `tests.data_hour`, its rows stored once and twice."""
    store.insert(small_traffic())
    if request.param == "twice":
        store.insert(small_traffic())
    return store
