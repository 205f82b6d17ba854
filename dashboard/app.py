"""The dashboard's entry point: `python -m streamlit run dashboard/app.py`."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import streamlit as st

from dashboard import states
from dashboard.again import ask_again
from dashboard.desk import sign_in
from dashboard.filters import sidebar
from dashboard.view import View
from dashboard.views import desk, drift, operations, overview, review, samples
from models.errors import ConfigurationError, StoreUnavailable
from models.settings import ClickHouse, Settings, load_settings
from streams.store.client import Store, connect_sync
from streams.store.errors import Refused
from streams.store.figures import choices

ASSETS = Path(__file__).parent / "assets"
STYLE = ASSETS / "tidegauge.css"


@dataclass(frozen=True)
class PageEntry:
    """One page: its address, its title, its icon, and what draws it."""

    path: str
    title: str
    icon: str
    render: Callable[[View], None]


# Every page, in the order of the menu; a new one is a line here and a file in `views/`.
PAGES: tuple[PageEntry, ...] = (
    PageEntry("overview", "Overview", ":material/water:", overview.render),
    PageEntry("drift", "Drift", ":material/ssid_chart:", drift.render),
    PageEntry("samples", "Samples", ":material/search:", samples.render),
    PageEntry("review", "Review", ":material/groups:", review.render),
    PageEntry("operations", "Operations", ":material/monitor_heart:", operations.render),
)

DESK = "Desk"
"""The reviewer's page, which needs no store and has a sign-in of its own."""


@st.cache_resource(show_spinner="Connecting to the store …")
def _store(clickhouse: ClickHouse, secret: str) -> Store:
    del secret  # part of the cache's key: a changed password connects anew
    return connect_sync(clickhouse)


def _connected(settings: Settings) -> Store:
    password = settings.clickhouse.password.get_secret_value()
    return _store(settings.clickhouse, password)


def _view(settings: Settings) -> View | None:
    """What the page is given; null while there is not one sample, which is said instead."""
    store = _connected(settings)
    tasks = choices.tasks(store)
    if not tasks:
        states.nothing_yet()
        ask_again(states.RETRY_SECONDS)
        return None
    return View(store, settings, sidebar(store, tasks))


def _draw(entry: PageEntry) -> None:
    entry.render(st.session_state["view"])


def _desk() -> None:
    desk.render(load_settings())


def _run(page: st.Page) -> None:
    """Draws the sidebar and the page, or why they cannot be drawn."""
    try:
        settings = load_settings()
        if page.title == DESK:
            page.run()
            return
        if settings.desk.sign_in == "required" and not sign_in.may_look(settings):
            return
        try:
            view = _view(settings)
            if view is not None:
                st.session_state["view"] = view
                page.run()
        except StoreUnavailable as problem:
            states.store_down(settings.clickhouse.url, problem)
            ask_again(states.RETRY_SECONDS)
        except Refused as problem:
            states.refused(problem)
    except ConfigurationError as problem:
        states.needs_mending(problem)
        ask_again(states.RETRY_SECONDS)


def main(front: str = PAGES[0].path) -> None:
    """Draws the frame around the pages, and the page that the address names, else the front one."""
    st.set_page_config(
        page_title="tidegauge", page_icon=str(ASSETS / "mark.svg"), layout="wide",
        initial_sidebar_state="expanded",
    )  # fmt: skip
    st.html(STYLE)
    st.logo(str(ASSETS / "tidegauge.svg"), icon_image=str(ASSETS / "mark.svg"), size="large")
    pages = {
        entry.path: st.Page(
            partial(_draw, entry),
            title=entry.title,
            icon=entry.icon,
            url_path=entry.path,
            default=entry.path == front,
        )
        for entry in PAGES
    }
    pages[DESK.lower()] = st.Page(
        _desk,
        title=DESK,
        icon=":material/rate_review:",
        url_path=DESK.lower(),
        default=DESK.lower() == front,
    )
    st.session_state["pages"] = pages
    _run(st.navigation(list(pages.values()), position="top"))


if __name__ == "__main__":
    main()
