"""Review: what waits for people, how fast they are, how well they agree; for analysts."""

from datetime import UTC, datetime
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import outlook as told
from dashboard import parts, queue_charts, reviewers, states, words
from dashboard.tables import download, table, time_column
from dashboard.view import View, live
from streams.store.figures import review_people, review_queue
from streams.store.figures.review_queue import Outlook
from streams.store.figures.scope import Scope

LINKS = 5


def render(view: View) -> None:
    """Draws the page."""
    live(view, _body)


def _body(view: View) -> None:
    scope, now = view.scope, datetime.now(UTC)
    parts.title(view, "Review", "What waits for people, how they work, who agrees.", scope)
    if scope.run:
        states.none("People review live traffic. Choose it under Run in the sidebar.")
        return
    outlook = review_queue.outlook(view.store, scope, now)
    people = review_people.reviewers(view.store, scope, now)
    if outlook is None and not len(people):
        states.none(
            "Nobody has been asked anything yet. Items come here once samples were routed to "
            "people; they work them on the Desk page or with `tidegauge review`."
        )
        return
    if scope.version or scope.slice:
        st.caption("All versions and slices: the queue is one.")
    alphas = review_people.alphas(view.store, scope)
    _queue(view, scope, now, outlook, reviewers.alpha_card(alphas))
    reviewers.people(scope, now, people)
    reviewers.agreement(view, scope, alphas)


def _queue(
    view: View, scope: Scope, now: datetime, outlook: Outlook | None, alpha: parts.Card
) -> None:
    waiting = review_queue.waiting(view.store, scope, now)
    flow = review_queue.flow(view.store, scope)
    waits = review_queue.waits(view.store, scope)
    parts.cards(
        [
            _waiting_card(waiting, now),
            _decided_card(flow),
            _waits_card(waits),
            _outlook_card(outlook),
            alpha,
        ]
    )
    left, right = st.columns(2, gap="medium")
    with left:
        _waiting(waiting)
    with right:
        _flow(scope, flow)
    left, right = st.columns([5, 3], gap="medium")
    with left:
        _waits(waits)
    with right:
        _outlook(outlook)
    if len(waiting):
        with st.expander("Those that have waited longest"):
            _oldest(review_queue.oldest(view.store, scope))


def _waiting_card(waiting: pd.DataFrame, now: datetime) -> parts.Card:
    total = int(waiting["samples"].sum()) if len(waiting) else 0
    beneath = "nothing waits"
    if total:
        beneath = f"oldest {words.span((now - waiting['oldest'].min()).total_seconds())}"
    return parts.Card(
        "Waiting now", words.count(total), beneath,
        "Items without an outcome: nobody has them, somebody works on them, or an answer can still "
        "be taken back.",
    )  # fmt: skip


def _decided_card(flow: pd.DataFrame) -> parts.Card:
    totals = flow.groupby("what")["samples"].sum().to_dict() if len(flow) else {}
    simulated = totals.get(review_queue.SIMULATED, 0)
    ended = totals.get(review_queue.ENDED, 0)
    return parts.Card(
        "Decided by people", words.count(totals.get(review_queue.DECIDED, 0)),
        f"{words.count(simulated)} simulated · {words.count(ended)} undecided",
        "Items whose answers, and any adjudication, came in within this time. Beneath: those that "
        "simulated reviewers had a part in, and those that expired or were cancelled.",
    )  # fmt: skip


def _waits_card(waits: pd.DataFrame) -> parts.Card:
    whole = waits[waits["lane"] == review_queue.ALL_LANES]
    meaning = (
        "Half of what people decided within this time had its outcome sooner after its sample "
        "came. 95 % interval for one look."
    )
    if not len(whole):
        return parts.Card("Waiting time, median", words.DASH, "n 0", meaning)
    row = whole.iloc[0]
    mark = " · simulated" if row["simulated"] else ""
    low, high = row["median_low"], row["median_high"]
    known = not (pd.isna(low) or pd.isna(high))
    ends = f"{_span(low)}–{_span(high)}" if known else "no interval yet"
    beneath = f"{ends} · n {words.count(row['n'])}{mark}"
    return parts.Card("Waiting time, median", _span(row["median"]), beneath, meaning)


def _outlook_card(outlook: Outlook | None) -> parts.Card:
    meaning = (
        "By the pace of the last hour, or of the last four or twenty-four where fewer than 30 "
        "items were decided. Items that expire are no work done."
    )
    if outlook is None:
        return parts.Card("Queue empty", words.DASH, "nothing asked yet", meaning)
    return parts.Card("Queue empty", told.headline(outlook), told.pace(outlook), meaning)


def _span(seconds: float) -> str:
    return words.DASH if pd.isna(seconds) else words.span(seconds)


def _waiting(waiting: pd.DataFrame) -> None:
    with parts.panel("Waiting now, by lane and age", "Whatever time is chosen."):
        if not len(waiting):
            states.none("Nothing waits for people.")
            return
        st.altair_chart(queue_charts.waiting(waiting, list(review_queue.AGES)), key="waiting")
        download(waiting, "review-waiting")


def _oldest(oldest: pd.DataFrame) -> None:
    table(oldest, "review-oldest", {"event_time": time_column("arrived")})
    for key in oldest["sample_key"][:LINKS]:
        st.page_link(
            st.session_state["pages"]["samples"],
            label=f"{key[:12]}…",
            query_params={"sample": key},
            icon=":material/open_in_new:",
        )


def _flow(scope: Scope, flow: pd.DataFrame) -> None:
    with parts.panel(
        "Came and went",
        f"Items per {words.span(scope.bucket_seconds)} bucket: asked when their sample came, "
        "decided when all answers were in.",
    ):
        if not len(flow):
            states.none("Nothing came or went in this time.")
            return
        chart = queue_charts.flow(flow, review_queue.FLOWS, scope.span)
        st.altair_chart(chart, key="flow")
        download(flow, "review-flow")


def _waits(waits: pd.DataFrame) -> None:
    with parts.panel(
        "Waiting time of what was decided",
        "From a sample's arrival to its outcome. 95 % intervals for one look. What still waits is "
        "not in it: with many waiting, the true times are longer.",
    ):
        if not len(waits):
            states.none("Nothing was decided in this time.")
            return
        table(
            reviewers.with_reviewers(waits),
            "review-waits",
            reviewers.interval_columns("median", "median, s", _seconds_column)
            | reviewers.interval_columns("p90", "p90, s", _seconds_column),
        )


def _seconds_column(label: str, meaning: str | None) -> Any:
    return st.column_config.NumberColumn(label, format="%.0f", help=meaning)


def _outlook(outlook: Outlook | None) -> None:
    with parts.panel(
        "When the queue is empty",
        "If items go on coming and being decided as lately, with 95 %: chance, and what is not "
        "known of the pace, are both in it. It knows nothing of nights, breaks and holidays.",
    ):
        if outlook is None:
            states.none("Nothing was ever asked of people.")
        else:
            parts.facts(told.lines(outlook))
