"""A running dashboard, a browser that looks at it, and what must never be seen there."""

import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from models.settings import ClickHouse
from streams.embedded.ports import free_port

ROOT = Path(__file__).parents[1]
START_SECONDS = 60
WAIT_MS = 30_000
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
OWN = ("http://127.0.0.1:", "data:", "blob:")


def browser_program() -> str:
    """Where the browser is; without one the test is skipped."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no chromium on this machine")
    return program


@contextmanager
def chromium_at(program: str) -> Iterator[Browser]:
    """A headless browser."""
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def watched(browser: Browser) -> Iterator[Page]:
    """A fresh page; it fails the test that let it load anything from elsewhere or throw."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-US")
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    thrown: list[str] = []
    strangers: list[str] = []
    page.on("pageerror", lambda error: thrown.append(str(error)))
    page.on("dialog", lambda dialog: thrown.append(f"dialog: {dialog.message}"))
    page.on("popup", lambda popup: thrown.append(f"popup: {popup.url}"))
    page.on("request", lambda request: strangers.append(request.url))
    yield page
    context.close()
    assert not thrown
    assert not [url for url in strangers if not url.startswith(OWN)]


def drawn(page: Page, url: str) -> None:
    """Open an address and wait until the page has finished drawing."""
    page.goto(url)
    page.locator("[data-testid=stMain] h2, [data-testid=stMain] h3").first.wait_for()
    settled(page)


def turned(page: Page, address: str, sign: str) -> None:
    """Go on to another address as Back does, without loading the page again, until `sign` shows."""
    page.evaluate(
        "address => { history.pushState({}, '', address); dispatchEvent(new Event('popstate')) }",
        address,
    )
    page.get_by_text(sign).first.wait_for()
    settled(page)


def settled(page: Page) -> None:
    """Wait until nothing is being drawn."""
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()


def unharmed(page: Page) -> None:
    """Nothing from a sample ran or became part of the page, and no exception shows."""
    assert page.evaluate("window.pwned") is None
    assert page.locator("[data-testid=stException]").count() == 0
    strange = page.evaluate(_STRANGE)
    assert not strange, strange


_STRANGE = """() => [...document.querySelectorAll('*')].filter(each =>
    [...each.attributes].some(a => a.name.startsWith('on'))
    || ['IFRAME', 'OBJECT', 'EMBED', 'ANIMATE', 'DETAILS'].includes(each.tagName)
       && !each.closest('[data-testid=stExpander]')
    || each.tagName === 'SCRIPT' && each.textContent.includes('pwned')
    || each.tagName === 'IMG' && !each.closest('[data-testid=stHeader], [data-testid=stSidebar]')
    || each.tagName === 'A' && each.hasAttribute('href')
       && new URL(each.href, location.href).origin !== location.origin
    || each.classList.contains('katex')
).map(each => each.outerHTML.slice(0, 200))"""


@contextmanager
def running(where: ClickHouse, folder: Path) -> Iterator[str]:
    """A dashboard process on the given store."""
    port = free_port()
    program = [sys.executable, "-m", "streamlit", "run", str(ROOT / "dashboard" / "app.py")]
    arguments = ["--server.address", "127.0.0.1", "--server.port", str(port)]
    environment = {
        **os.environ,  # noqa: TID251
        "TIDEGAUGE_CLICKHOUSE__URL": where.url,
        "TIDEGAUGE_CLICKHOUSE__DATABASE": where.database,
        "TIDEGAUGE_DATA": str(folder),
        "PYTHONPATH": str(ROOT),
    }
    log = folder / "log"
    with (
        log.open("wb") as out,
        subprocess.Popen(
            [*program, *arguments], cwd=folder, env=environment, stdout=out, stderr=out
        ) as process,
    ):
        try:
            url = f"http://127.0.0.1:{port}"
            _wait(url, process, log)
            yield url
        finally:
            process.terminate()


def _wait(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise AssertionError(f"no dashboard after {START_SECONDS} s:\n{log.read_text()[-2000:]}")
