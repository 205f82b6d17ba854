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


@pytest.fixture(params=["once", "twice"])
def filled(store: Store, request: pytest.FixtureRequest) -> Store:
    """The hour of `tests.data_hour`, its rows stored once and twice."""
    store.insert(small_traffic())
    if request.param == "twice":
        store.insert(small_traffic())
    return store
