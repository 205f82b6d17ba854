"""The analyst's Review page as a person sees it, in a real browser."""

import csv
import io
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser_support import drawn, settled, unharmed
from tests.data_traffic import PEOPLE

pytestmark = pytest.mark.browser


def test_the_longest_waiting_item_leads_to_its_story(page: Page, dashboard: str) -> None:
    drawn(page, f"{dashboard}/review")
    page.get_by_text("Those that have waited longest").click()
    page.locator("[data-testid=stMain] a[data-testid=stPageLink-NavLink]").first.click()
    page.wait_for_url("**/samples?*sample=*")
    expect(page.get_by_role("heading", name="Sample", exact=True)).to_be_visible()
    expect(page.get_by_text("awaiting review").first).to_be_visible()


def test_the_page_opens_again_as_it_was(page: Page, dashboard: str) -> None:
    drawn(page, f"{dashboard}/review")
    page.get_by_role("combobox", name="Time").click()
    page.get_by_role("option").get_by_text("1 hour", exact=True).click()
    page.wait_for_url("**/review?*range=1*")
    page.reload()
    expect(page.get_by_role("heading", name="Review", exact=True)).to_be_visible()
    expect(page.get_by_role("combobox", name="Time")).to_have_value("1 hour")


@pytest.mark.parametrize(("path", "tables"), [("review", 5), ("overview", 3)])
def test_no_table_runs_off_the_page(page: Page, dashboard: str, path: str, tables: int) -> None:
    page.set_viewport_size({"width": 1440, "height": 3600})
    drawn(page, f"{dashboard}/{path}")
    grids = page.locator("[data-testid=stDataFrame] .dvn-scroller")
    expect(grids).to_have_count(tables)
    widths = grids.evaluate_all("grids => grids.map(grid => [grid.scrollWidth, grid.clientWidth])")
    assert not [(needed, there) for needed, there in widths if needed > there]


def test_the_reviewers_table_can_be_taken_along(page: Page, dashboard: str) -> None:
    drawn(page, f"{dashboard}/review")
    settled(page)
    with page.expect_download() as download:
        page.locator(".st-key-download_reviewers button").click()
    text = Path(download.value.path()).read_text("utf-8-sig")
    rows = {row["reviewer"]: row for row in csv.DictReader(io.StringIO(text, newline=""))}
    assert set(PEOPLE) <= set(rows)
    for name in PEOPLE:
        ends = [float(rows[name][f"gold{end}"]) for end in ("_low", "", "_high")]
        assert ends == sorted(ends)
        assert int(rows[name]["gold_n"]) > 0
    unharmed(page)
