"""The dashboard as a person sees it, in a real browser."""

import csv
import io
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from dashboard.app import PAGES
from dashboard.tables import FORMULA_STARTS
from dashboard.words import visible
from models.settings import ClickHouse
from streams.embedded.ports import free_port
from streams.store.client import connect_sync
from tests.browser_support import drawn, running, settled, unharmed
from tests.data_rows import sample_row
from tests.data_traffic import HOSTILE

pytestmark = pytest.mark.browser

ADDRESSES = {"" if entry is PAGES[0] else entry.path: entry.title for entry in PAGES}


def choose(page: Page, label: str, option: str) -> None:
    """Choose an option of a sidebar filter."""
    page.get_by_role("combobox", name=label).click()
    page.get_by_role("option").get_by_text(option, exact=True).click()


CHARTS = "[data-testid=stVegaLiteChart] canvas, [data-testid=stVegaLiteChart] svg"


@pytest.mark.parametrize("path", ADDRESSES)
def test_page_draws_with_traffic(page: Page, dashboard: str, path: str) -> None:
    drawn(page, f"{dashboard}/{path}")
    expect(page.get_by_role("heading", name=ADDRESSES[path], exact=True)).to_be_visible()
    expect(page.locator("[data-testid=stDataFrame]").first).to_be_visible()
    if path != "samples":  # a table and nothing else
        expect(page.locator(CHARTS).nth(1)).to_be_visible()
    unharmed(page)


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_a_hostile_samples_own_link_shows_it_as_text(
    page: Page, dashboard: str, store_at: ClickHouse, number: int
) -> None:
    store = connect_sync(store_at)
    sql = "SELECT sample_key FROM samples WHERE startsWith(id, {id:String})"
    [row] = store.query(sql, {"id": f"h{number} "})
    store.close()
    drawn(page, f"{dashboard}/samples?sample={row['sample_key']}")
    block = page.locator("[data-testid=stCode]").first
    expect(block).to_be_visible()
    assert visible(HOSTILE[number]).strip() in block.inner_text().replace("\u00a0", " ")
    main = page.locator("[data-testid=stMain]")
    assert main.locator("a[href^='javascript']").count() == 0
    assert main.locator(".katex").count() == 0
    assert main.get_by_text("id h", exact=False).first.inner_text().startswith(f"id h{number} ")
    unharmed(page)


def test_hostile_names_stay_text_in_the_filters(page: Page, dashboard: str) -> None:
    drawn(page, dashboard)
    page.get_by_role("combobox", name="Slice").click()
    wanted = f"{HOSTILE[1][:40]}={HOSTILE[1]}"
    option = page.get_by_role("option").get_by_text(wanted, exact=True)
    option.click()
    about = page.locator("[data-testid=stMain] [data-testid=stText]").first
    expect(about).to_contain_text(HOSTILE[1])
    assert about.locator("strong, a, code, .katex").count() == 0
    unharmed(page)


def test_filters_survive_reload_and_page_changes(page: Page, dashboard: str) -> None:
    drawn(page, dashboard)
    choose(page, "Slice", "lang=de")
    page.wait_for_url("**/?*slice=lang%3Dde*")
    choose(page, "Time", "7 days")
    page.wait_for_url("**/?*range=7*")
    about = page.locator("[data-testid=stMain] [data-testid=stText]").first
    expect(about).to_contain_text("lang=de")
    assert "slice=lang%3Dde" in page.url
    page.reload()
    expect(about).to_contain_text("lang=de")
    page.get_by_role("link", name="Operations").click()
    expect(page.get_by_role("heading", name="Operations", exact=True)).to_be_visible()
    page.wait_for_url("**/operations?*slice=lang%3Dde*")
    expect(about).to_contain_text("lang=de")


def test_a_search_has_a_link(page: Page, dashboard: str) -> None:
    drawn(page, f"{dashboard}/samples")
    page.get_by_label("Text contains").fill("voucher")
    page.get_by_label("Text contains").press("Enter")
    page.wait_for_url("**/samples?*q=voucher*")
    page.reload()
    expect(page.get_by_label("Text contains")).to_have_value("voucher")


def test_a_row_opens_its_story_and_the_way_back(page: Page, dashboard: str) -> None:
    drawn(page, f"{dashboard}/samples")
    grid = page.locator("[data-testid=stDataFrame]").first
    expect(grid.locator("canvas").first).to_be_visible()
    grid.click(position={"x": 17, "y": 55})
    page.wait_for_url("**/samples?*sample=*")
    expect(page.get_by_role("heading", name="Sample", exact=True)).to_be_visible()
    settled(page)
    page.get_by_role("button", name="All samples").click()
    expect(page.get_by_role("heading", name="Samples", exact=True)).to_be_visible(timeout=20_000)
    assert "sample=" not in page.url


def test_a_click_while_the_story_is_being_drawn_counts(page: Page, dashboard: str) -> None:
    """At whatever moment of the drawing it comes, and again and again."""
    drawn(page, f"{dashboard}/samples")
    for _ in range(3):
        grid = page.locator("[data-testid=stDataFrame]").first
        expect(grid.locator("canvas").first).to_be_visible()
        grid.click(position={"x": 17, "y": 55})
        page.get_by_role("button", name="All samples").click()
        expect(page.get_by_role("heading", name="Samples", exact=True)).to_be_visible()
        settled(page)
        assert "sample=" not in page.url
        expect(page.get_by_role("button", name="All samples")).to_have_count(0)


def test_a_row_opens_the_sample_that_stood_there(
    page: Page, dashboard: str, store_at: ClickHouse
) -> None:
    drawn(page, f"{dashboard}/samples?q=before")
    grid = page.locator("[data-testid=stDataFrame]").first
    expect(page.get_by_text("No samples match")).to_be_visible()
    store, now = connect_sync(store_at), datetime.now(UTC)
    store.insert([sample_row("first", now, offset=95_001, text="before all")])
    page.reload()
    expect(grid.locator("canvas").first).to_be_visible()
    settled(page)
    store.insert(
        [sample_row("second", now + timedelta(seconds=1), offset=95_002, text="before it, by now")]
    )
    store.close()
    grid.click(position={"x": 17, "y": 55})
    page.wait_for_url("**/samples?*sample=*")
    expect(page.locator("[data-testid=stCode]").first).to_contain_text("before all")


def test_an_alarm_leads_to_its_examples(page: Page, dashboard: str) -> None:
    drawn(page, f"{dashboard}/drift")
    page.get_by_text("Samples met after the change").first.wait_for()
    page.locator("[data-testid=stMain] a[data-testid=stPageLink-NavLink]").first.click()
    page.wait_for_url("**/samples?*sample=*")
    expect(page.get_by_role("heading", name="Sample", exact=True)).to_be_visible()


def test_the_download_runs_nothing_and_is_the_only_one(page: Page, dashboard: str) -> None:
    drawn(page, f"{dashboard}/samples?q=HYPERLINK")
    grid = page.locator("[data-testid=stDataFrame]").first
    grid.hover()
    expect(page.get_by_role("button", name="Search").first).to_be_visible()
    expect(page.get_by_role("button", name="Download as CSV")).to_have_count(0)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").first.click()
    text = Path(download.value.path()).read_text("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert len(rows) == 1
    assert rows[0]["text"] == f"'{HOSTILE[2]}"
    assert not [cell for cell in rows[0].values() if cell.startswith(FORMULA_STARTS)]


def test_a_store_that_comes_back_fills_the_page(chromium: Browser, tmp_path: Path) -> None:
    port = free_port()
    where = ClickHouse(url=f"http://127.0.0.1:{port}", database="later")
    page = chromium.new_page()
    with running(where, tmp_path) as url:
        page.goto(url)
        expect(page.get_by_text("does not answer; retrying")).to_be_visible(timeout=30_000)
        program = [sys.executable, "-m", "streams.embedded.clickhouse", "--port", str(port)]
        program += ["--data", str(tmp_path / "data"), "--announce", str(tmp_path / "announced")]
        with subprocess.Popen(program, stdin=subprocess.PIPE) as engine:
            try:
                expect(page.get_by_text("tidegauge migrate").first).to_be_visible(timeout=60_000)
            finally:
                engine.terminate()
    page.close()
