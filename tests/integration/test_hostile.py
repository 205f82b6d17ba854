"""260 hostile and malformed messages among good traffic: booked, harmless, and shown as text."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.sync_api import Page, expect

from dashboard.app import PAGES
from dashboard.tables import FORMULA_STARTS
from dashboard.words import visible
from streams.store.figures.ledger import Ledger
from streams.topics import STAGES
from tests.browser_support import (
    browser_program,
    chromium_at,
    drawn,
    running,
    settled,
    turned,
    unharmed,
    watched,
)
from tests.integration.conftest import Rig, rig_in, samples
from tests.integration.hostile_records import (
    HOSTILE,
    MARK,
    TEXTS,
    everywhere,
    hostile,
    repeats,
    unserved,
)

GOOD = 300
PATHS = ["" if entry is PAGES[0] else entry.path for entry in PAGES]
RANGE = "range=1%20hour"

Pids = dict[str, list[int]]

pytestmark = [pytest.mark.processes, pytest.mark.asyncio(loop_scope="module")]


@dataclass(frozen=True)
class Attacked:
    """An instance that took all of it, its books, and its processes before and after."""

    rig: Rig
    books: Ledger
    before: Pids
    after: Pids


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def attacked(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Attacked]:
    bad, good = hostile(), samples(GOOD)
    mixed = [record for pair in zip(good, bad, strict=False) for record in pair]
    async with rig_in(tmp_path_factory.mktemp("instance")) as rig:
        before = await rig.until(lambda: _pids(rig), lambda pids: all(pids.values()))
        await rig.send(mixed + good[HOSTILE:])
        books = await rig.settled(GOOD + HOSTILE - repeats(bad))
        yield Attacked(rig, books, before, _pids(rig))


@pytest.fixture(scope="module")
def dashboard(attacked: Attacked, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a dashboard on what came of it."""
    with running(attacked.rig.settings.clickhouse, tmp_path_factory.mktemp("dashboard")) as url:
        yield url


async def test_hostile_traffic_is_booked_and_harmless(
    attacked: Attacked, capsys: pytest.CaptureFixture[str]
) -> None:
    books, store, bad = attacked.books, attacked.rig.store, hostile()
    assert len(bad) == HOSTILE
    distinct = GOOD + HOSTILE - repeats(bad)
    assert books.balanced
    assert books.samples_in == distinct
    assert sum(books.states.values()) == distinct
    assert books.repeats["samples"] == repeats(bad)
    assert books.states["dead_lettered"] == books.unreadable + unserved(bad)
    assert books.reused_ids >= 1
    known = "SELECT count() AS n FROM results FINAL WHERE match(id, '^[hte][0-9]+')"
    assert store.query(known)[0]["n"] >= 3 * len(TEXTS)
    labels = {row["label"] for row in store.query("SELECT label FROM results FINAL")}
    assert labels <= {"ham", "spam", ""}
    assert attacked.after == attacked.before, "no process died"
    letters = store.query("SELECT stage, error, count() AS n FROM dead_letters GROUP BY 1, 2")
    with capsys.disabled():
        states = {name: n for name, n in books.states.items() if n}
        print(f"\nhostile={HOSTILE} repeats={repeats(bad)} states={states} {letters}")


@pytest.mark.browser
async def test_every_page_shows_hostile_traffic_as_text(dashboard: str) -> None:
    def look(page: Page) -> None:
        for path in PATHS:
            drawn(page, f"{dashboard}/{path}?{RANGE}")
            if path == "review":  # nobody has answered: its only table is of those that wait
                page.get_by_text("Those that have waited longest").click()
            tables = page.locator("[data-testid=stDataFrame] canvas")
            expect(tables.first).to_be_visible()
            only_text(page)

    await in_browser(look)


@pytest.mark.browser
async def test_every_hostile_story_is_text(attacked: Attacked, dashboard: str) -> None:
    found = {
        number: attacked.rig.store.query(
            "SELECT sample_key, text FROM samples FINAL WHERE id = {id:String}",
            {"id": everywhere(number)["id"]},
        )
        for number in range(len(TEXTS))
    }

    def look(page: Page) -> None:
        drawn(page, f"{dashboard}/samples?{RANGE}")
        for number, rows in found.items():
            assert len(rows) == 1, f"text {number} was not stored as it is"
            story(page, rows[0]["sample_key"])
            shown = page.locator("[data-testid=stCode]")
            expect(shown).to_have_count(3)
            wanted = visible(TEXTS[number][:200]).strip()
            assert _spaced(wanted) in _spaced(shown.first.text_content() or "")
            page.get_by_text("Every stored field").click()
            only_text(page)

    await in_browser(look)


@pytest.mark.browser
async def test_many_tags_and_letters_are_shown(attacked: Attacked, dashboard: str) -> None:
    sql = "SELECT sample_key FROM samples FINAL WHERE id = 'tags' OR NOT readable LIMIT 60"
    keys = [row["sample_key"] for row in attacked.rig.store.query(sql)]
    tags = "SELECT length(tags) AS n FROM samples FINAL WHERE id = 'tags'"
    assert attacked.rig.store.query(tags)[0]["n"] == 32
    assert len(keys) > 30

    def look(page: Page) -> None:
        drawn(page, f"{dashboard}/samples?{RANGE}")
        for key in keys[::4]:
            story(page, key)
            only_text(page)
        drawn(page, f"{dashboard}/operations?{RANGE}")
        letters = page.get_by_text("Latest dead letters")
        letters.scroll_into_view_if_needed()
        expect(letters).to_be_visible()
        only_text(page)

    await in_browser(look)


@pytest.mark.browser
async def test_hostile_searches_and_addresses_find_text(dashboard: str) -> None:
    def look(page: Page) -> None:
        drawn(page, f"{dashboard}/samples?{RANGE}")
        for text in (TEXTS[8], TEXTS[13], TEXTS[15], TEXTS[19]):
            box = page.get_by_label("Text contains")
            box.fill(text)
            box.press("Enter")
            page.wait_for_url("**/samples?*q=*")
            settled(page)
            only_text(page)
        for number in (6, 8, 12, 13, 15, 16):
            asked = "&".join(f"{name}={_quoted(TEXTS[number])}" for name in FILTERS)
            page.goto(f"{dashboard}/samples?{asked}")
            expect(page.get_by_role("heading", name="No samples match")).to_be_visible()
            settled(page)
            only_text(page)

    await in_browser(look)


FILTERS = ("task", "run", "version", "slice", "q", "id", "label", "lane", "state", "after")


@pytest.mark.browser
async def test_no_download_has_a_formula(dashboard: str) -> None:
    cells: list[str] = []

    def look(page: Page) -> None:
        for path in [*PATHS, "samples?q=HYPERLINK"]:
            drawn(page, f"{dashboard}/{path}{'&' if '?' in path else '?'}{RANGE}&live=false")
            buttons = page.get_by_role("button", name="Download CSV")
            for number in range(buttons.count()):
                with page.expect_download() as download:
                    buttons.nth(number).click()
                cells.extend(_cells(Path(download.value.path())))
            only_text(page)

    await in_browser(look)
    assert f"'{TEXTS[19]}" in cells
    assert not [cell for cell in cells if cell.startswith(FORMULA_STARTS) and not _number(cell)]


async def in_browser(look: Callable[[Page], None]) -> None:
    """Look at a page from a thread of its own: this one's loop keeps the instance running."""
    program = browser_program()

    def looked() -> None:
        with chromium_at(program) as browser, watched(browser) as page:
            look(page)

    await asyncio.to_thread(looked)


def story(page: Page, key: str) -> None:
    """One sample's story, told on the Samples page that is open."""
    turned(page, f"samples?sample={key}", f"key {key}")


def only_text(page: Page) -> None:
    """Nothing on the page came from a sample but text."""
    unharmed(page)
    markdown = page.locator("[data-testid=stMarkdownContainer]", has_text=MARK)
    assert markdown.count() == 0, markdown.first.inner_html()


def _cells(path: Path) -> list[str]:
    text = path.read_text("utf-8-sig")
    return [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]


def _number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _spaced(text: str) -> str:
    return " ".join(text.split())


def _quoted(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())


def _pids(rig: Rig) -> Pids:
    return {stage: [process.pid for process in rig.processes(stage)] for stage in STAGES}
