"""Samples: find them by anything known about them, and read one sample's whole story."""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import parts, states, words
from dashboard.tables import download, score_column, shown, time_column
from dashboard.theme import STATE_NAMES
from dashboard.view import View
from dashboard.views import story
from models.result import STATES
from streams.store.figures import traffic
from streams.store.figures.samples import Cursor, Page, Search, search
from streams.store.figures.scope import Scope

ANY = "any"
OPENED = "stories_opened"
LANES = ("uncertain", "disagreement", "policy", "failed", "gold", "repeat", "audit")
COLUMNS = {
    "event_time": time_column("arrived"),
    "id": st.column_config.TextColumn("id", width="small"),
    "text": st.column_config.TextColumn("text (beginning)", width=300),
    "state": st.column_config.TextColumn("state", width=110),
    "label": st.column_config.TextColumn("label", width=130),
    "lane": st.column_config.TextColumn("lane", width=95),
    "confidence": score_column("confidence"),
    "judge_score": score_column("judge score"),
    "propensity": score_column("π", "Recorded probability of review."),
    "audit": st.column_config.CheckboxColumn("audit", help="Belongs to the plain random sample."),
}


def render(view: View) -> None:
    """Draws the page: one sample when the address names it, else the search."""
    if key := st.query_params.get("sample"):
        story.render(view, key)
        return
    scope = view.scope
    parts.title(view, "Samples", "Search the traffic; choose a row to read its story.", scope)
    wanted = _form(view, scope)
    page = search(view.store, scope, wanted, _cursor(st.query_params.get("after")))
    if not len(page.samples):
        states.nothing_here(view.filters.extent.last)
        return
    _list(page)


def _form(view: View, scope: Scope) -> Search:
    with st.container(border=True):
        first = st.columns([4, 2, 2], gap="small")
        text = first[0].text_input(
            "Text contains", key="q", bind="query-params", placeholder="any case",
            on_change=_first_page,
        )  # fmt: skip
        ident = first[1].text_input(
            "Sample id", key="id", bind="query-params", placeholder="exact", on_change=_first_page
        )
        label = _choose(first[2], "Label", "label", traffic.labels(view.store, scope))
        second = st.columns([2, 2, 4], gap="small")
        lane = _choose(second[0], "Lane", "lane", LANES)
        state = _choose(second[1], "State", "state", [STATE_NAMES[s] for s in STATES])
        low, high = second[2].slider(
            "Judge score", 0.0, 1.0, (0.0, 1.0), step=0.01, key="score", bind="query-params",
            on_change=_first_page,
        )  # fmt: skip
    names = {name: state for state, name in STATE_NAMES.items()}
    return Search(
        text=text or "",
        id=ident or "",
        label=label,
        lane=lane,
        state=names.get(state, ""),
        judge_low=low if low > 0 else None,
        judge_high=high if high < 1 else None,
    )


def _choose(place: Any, label: str, key: str, options: Any) -> str:
    known = [ANY, *options]
    asked = st.query_params.get(key)
    if asked and asked not in known:
        known.append(asked)
    chosen: str = place.selectbox(label, known, key=key, bind="query-params", on_change=_first_page)
    return "" if chosen == ANY else chosen


def _first_page() -> None:
    st.query_params.pop("after", None)


def _cursor(link: str | None) -> Cursor | None:
    at, _, key = (link or "").partition("-")
    return Cursor(int(at), key) if at.isdecimal() and key else None


def _list(page: Page) -> None:
    frame = page.samples.replace({"state": STATE_NAMES})
    times = st.session_state.get(OPENED, 0)
    name = f"list_{st.query_params.get('after', '')}_{times}"
    st.dataframe(
        shown(_without_unknown(frame)),
        hide_index=True,
        column_config=COLUMNS,
        column_order=[name for name in frame.columns if name != "sample_key"],
        on_select=_opener(name, list(frame["sample_key"])),
        selection_mode="single-row",
        key=name,
        height="content",
        placeholder=words.DASH,
    )
    _buttons(page)
    download(frame, "samples")


def _opener(name: str, keys: Sequence[str]) -> Callable[[], None]:
    """What a chosen row does: opens the sample that stood there when it was chosen.

    The keys are those of the list that was on the screen: the next search may find other rows.
    """

    def open_chosen() -> None:
        for row in st.session_state[name]["selection"]["rows"]:
            st.query_params["sample"] = keys[row]
            # a list under a new name has no row chosen, so the same one can be chosen again
            st.session_state[OPENED] = st.session_state.get(OPENED, 0) + 1

    return open_chosen


def _buttons(page: Page) -> None:
    place = st.container(horizontal=True)
    if st.query_params.get("after"):
        place.button("Newest", icon=":material/first_page:", on_click=_first_page)
    if page.following:
        place.button(
            "Older", icon=":material/navigate_next:", on_click=_turn, args=(str(page.following),)
        )


def _turn(cursor: str) -> None:
    st.query_params["after"] = cursor


def _without_unknown(frame: pd.DataFrame) -> pd.DataFrame:
    """Samples without a result have no audit flag: unknown, not false."""
    known = frame["propensity"].notna()
    return frame.assign(
        audit=frame["audit"].astype("boolean").where(known),
        label=frame["label"].where(known | (frame["label"] != ""), words.DASH),
    )
