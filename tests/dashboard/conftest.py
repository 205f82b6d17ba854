"""Databases in each state a page can meet."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from models.settings import ClickHouse
from tests.data_traffic import Traffic, hostile_rows, traffic_rows
from tests.engine import clickhouse, filled


@pytest.fixture(scope="session")
def engine_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a ClickHouse that lives as long as the test run."""
    pytest.importorskip("chdb")
    with clickhouse(tmp_path_factory.mktemp("clickhouse")) as url:
        yield url


@pytest.fixture(scope="session")
def databases(engine_url: str) -> dict[str, ClickHouse]:
    """One database per state: traffic, hostile, empty, bare (no tables)."""
    now = datetime.now(UTC)
    contents = {
        "traffic": traffic_rows(Traffic(now, samples=120)),
        "hostile": [*traffic_rows(Traffic(now, samples=20)), *hostile_rows(now)],
        "empty": [],
    }
    found = {"bare": ClickHouse(url=engine_url, database="bare")}
    for name, rows in contents.items():
        found[name] = ClickHouse(url=engine_url, database=name)
        filled(found[name], rows).close()
    return found


@pytest.fixture
def at_database(
    databases: dict[str, ClickHouse],
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> ClickHouse:
    """Settings that point at the database named by the parameter."""
    where = databases[request.param]
    monkeypatch.setenv("TIDEGAUGE_CLICKHOUSE__URL", where.url)
    monkeypatch.setenv("TIDEGAUGE_CLICKHOUSE__DATABASE", where.database)
    return where
