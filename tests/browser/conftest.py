"""A running dashboard and a real browser that looks at it."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from models.settings import ClickHouse
from tests.browser_support import running
from tests.data_rows import Traffic, hostile_rows, traffic_rows
from tests.engine import clickhouse, filled

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
WAIT_MS = 30_000


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A headless Chromium; its event loop ends with the module, other tests have their own."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no chromium on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


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
    """A fresh page; it fails the test that let it load anything from elsewhere or throw."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, locale="en-US")
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    thrown: list[str] = []
    strangers: list[str] = []
    page.on("pageerror", lambda error: thrown.append(str(error)))
    page.on("dialog", lambda dialog: thrown.append(f"dialog: {dialog.message}"))
    page.on("request", lambda request: strangers.append(request.url))
    yield page
    context.close()
    assert not thrown
    assert not [u for u in strangers if not u.startswith(("http://127.0.0.1:", "data:", "blob:"))]
