"""A running dashboard and a real browser that looks at it."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, Page

from models.settings import ClickHouse
from tests.browser_support import browser_program, chromium_at, running, watched
from tests.data_traffic import Traffic, hostile_rows, traffic_rows
from tests.engine import clickhouse, filled


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A headless Chromium; its event loop ends with the module, other tests have their own."""
    with chromium_at(browser_program()) as browser:
        yield browser


@pytest.fixture(scope="session")
def store_at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouse]:
    """A store with two hours of traffic, hostile samples among them."""
    pytest.importorskip("chdb")
    now = datetime.now(UTC)
    with clickhouse(tmp_path_factory.mktemp("clickhouse")) as url:
        where = ClickHouse(url=url, database="seen")
        rows = [*traffic_rows(Traffic(now, samples=200)), *hostile_rows(now)]
        filled(where, rows).close()
        yield where


@pytest.fixture(scope="session")
def dashboard(store_at: ClickHouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a dashboard on that store."""
    with running(store_at, tmp_path_factory.mktemp("dashboard")) as url:
        yield url


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A fresh page that is watched for harm."""
    with watched(chromium) as page:
        yield page
