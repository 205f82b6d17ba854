"""Drift: what moved, when, from what to what, on what evidence, with examples."""

from typing import Literal

import pandas as pd
import streamlit as st

from dashboard import charts, parts, states, timelines, words
from dashboard.tables import download, table, time_column
from dashboard.theme import SIGNAL_NAMES
from dashboard.view import View, live
from models.drift import Summary
from streams.store.figures.alarms import AlarmFigure, alarms, warm_up
from streams.store.figures.scope import Scope

SHOWN = 20
STATE_COLOURS: dict[str, Literal["red", "orange", "gray"]] = {
    "open": "red",
    "acknowledged": "orange",
    "closed": "gray",
}
DIRECTIONS = {"up": "rose", "down": "fell", "mix": "changed"}


def render(view: View) -> None:
    """Draws the page."""
    live(view, _body)


def _body(view: View) -> None:
    scope = view.scope
    parts.title(view, "Drift", "What moved, compared with a frozen baseline.", scope)
    if scope.run:
        states.none("Detectors watch live traffic. Choose it under Run in the sidebar.")
        return
    raised = alarms(view.store, scope)
    progress = warm_up(view.store, scope.task)
    _numbers(raised, progress)
    _timelines(view, scope, raised)
    _alarms(view, scope, raised)
    _progress(progress)


def _numbers(raised: tuple[AlarmFigure, ...], progress: pd.DataFrame) -> None:
    counts = {state: sum(a.state == state for a in raised) for state in STATE_COLOURS}
    warm = int(progress["warm"].sum()) if len(progress) else 0
    whole = progress[progress["slice"] == ""] if len(progress) else progress
    if not len(whole):
        baseline, beneath = "not begun", "no reading yet"
    else:
        row = whole.iloc[0]
        baseline = "ready" if row["warm"] else "warming up"
        beneath = f"{row['collected']:,} of {row['needed']:,} readings"
    parts.cards(
        [
            parts.Card(
                "Open", words.count(counts["open"]), "not looked at yet",
                "Alarms that nobody has acknowledged.", "red" if counts["open"] else "off",
            ),
            parts.Card(
                "Acknowledged", words.count(counts["acknowledged"]), "baseline unchanged",
                "Somebody has seen them; the detector looks for the next shift.",
            ),
            parts.Card(
                "Closed", words.count(counts["closed"]), "re-baselined",
                "The new state was declared normal and a new baseline collected.",
            ),
            parts.Card(
                "Baseline of all traffic", baseline, beneath,
                "Detectors compare with the first readings of the task; until the baseline is "
                "full they stay silent.",
                "green" if baseline == "ready" else "orange",
            ),
            parts.Card(
                "Slices watched", words.count(len(progress)), f"{warm} of them ready",
                "Each slice has detectors and a baseline of its own; the whole task counts as one.",
            ),
        ]
    )  # fmt: skip


def _timelines(view: View, scope: Scope, raised: tuple[AlarmFigure, ...]) -> None:
    flags = parts.alarm_flags(raised)
    left, right = st.columns(2, gap="medium")
    with left, parts.panel("Scores", parts.SCORES_MEAN):
        frame = parts.score_frame(view, scope)
        if len(frame):
            st.altair_chart(timelines.score_timeline(frame, flags, scope.span), key="scores")
            download(frame, "scores-over-time")
        else:
            states.none("No scores in this time.")
    with right, parts.panel("Label mix", "Each label's share of every bucket. Red marks: alarms."):
        parts.label_mix(view, scope, flags)


def _alarms(view: View, scope: Scope, raised: tuple[AlarmFigure, ...]) -> None:
    st.subheader("Alarms", anchor=False)
    if not raised:
        states.none("No alarm was raised in this time.")
        return
    order = parts.label_order(view, scope)
    for alarm in raised[:SHOWN]:
        with st.container(border=True):
            _alarm(alarm, order)
    st.caption(f"{min(len(raised), SHOWN)} of {len(raised)} alarms shown; all are in the table.")
    table(
        _frame(raised), "alarms", {"raised": time_column("raised"), "since": time_column("since")}
    )


def _alarm(alarm: AlarmFigure, order: list[str]) -> None:
    head, state = st.columns([5, 1], vertical_alignment="center")
    head.text(_sentence(alarm))
    with state:
        st.badge(alarm.state, color=STATE_COLOURS.get(alarm.state, "gray"))
    left, middle, right = st.columns([5, 5, 2], gap="medium")
    with left:
        _change(alarm, order)
    with middle:
        parts.facts(
            {
                "Raised": words.moment(alarm.raised),
                "Change began, estimated": words.moment(alarm.since),
                "Evidence": words.evidence(alarm.evidence),
                "Threshold": words.evidence(alarm.threshold),
                "Detector": alarm.detector.replace("_", " "),
            }
        )
        if alarm.by:
            st.text(words.visible(f"{alarm.state} by {alarm.by} at {words.moment(alarm.at)}"))
        if alarm.note:
            st.text(words.visible(f"“{alarm.note}”"))
    with right:
        _examples(alarm)


def _sentence(alarm: AlarmFigure) -> str:
    what = SIGNAL_NAMES.get(alarm.signal, alarm.signal)
    where = f"slice {alarm.slice}" if alarm.slice else "all traffic"
    return words.visible(
        f"The {what} of {where} {DIRECTIONS.get(alarm.direction, 'changed')}"
        f"{_amount(alarm.before, alarm.after)}."
    )


def _amount(before: Summary, after: Summary) -> str:
    if before.mean is None or after.mean is None:
        return ""
    return f" from {words.decimal(before.mean)} to {words.decimal(after.mean)}"


def _change(alarm: AlarmFigure, order: list[str]) -> None:
    stretches = (("before", alarm.before), ("after", alarm.after))
    if alarm.before.mix or alarm.after.mix:
        records = [
            (f"{name} (n {s.n:,})", words.visible(label), share, s.n)
            for name, s in stretches
            for label, share in s.mix.items()
        ]
        frame = pd.DataFrame(records, columns=["stretch", "label", "share", "n"])
        names = [*order, *sorted(set(frame["label"]) - set(order))]
        st.altair_chart(charts.before_after(frame, names), key=f"change_{alarm.alarm_id}")
        return
    means = [
        (name, SIGNAL_NAMES.get(alarm.signal, alarm.signal), s.mean, s.low, s.high, s.n)
        for name, s in stretches
        if s.mean is not None
    ]
    columns = ["name", "group", "value", "low", "high", "n"]
    frame = pd.DataFrame(means, columns=columns).astype({"low": float, "high": float})
    st.altair_chart(
        charts.intervals(frame, "mean score (0 to 1), 95 % interval"),
        key=f"change_{alarm.alarm_id}",
    )
    st.caption(
        "  ·  ".join(f"{name}: {words.decimal(s.mean)} ({s_interval(s)})" for name, s in stretches)
    )


def s_interval(summary: Summary) -> str:
    """A summary's interval and n."""
    if summary.low is None or summary.high is None:
        return f"n {summary.n:,}"
    return f"{summary.low:.3f}–{summary.high:.3f}, n {summary.n:,}"


def _examples(alarm: AlarmFigure) -> None:
    st.caption("Samples met after the change:")
    for key in alarm.examples:
        st.page_link(
            st.session_state["pages"]["samples"],
            label=f"{key[:12]}…",
            query_params={"sample": key},
            icon=":material/open_in_new:",
        )
    if not alarm.examples:
        states.none("none recorded")


def _frame(raised: tuple[AlarmFigure, ...]) -> pd.DataFrame:
    records = [
        {
            "signal": SIGNAL_NAMES.get(a.signal, a.signal),
            "slice": a.slice or "all traffic",
            "state": a.state,
            "direction": a.direction,
            "raised": a.raised,
            "since": a.since,
            "before": a.before.mean,
            "before n": a.before.n,
            "after": a.after.mean,
            "after n": a.after.n,
            "evidence": a.evidence,
            "threshold": a.threshold,
            "detector": a.detector,
            "by": a.by,
            "note": a.note,
            "alarm_id": a.alarm_id,
        }
        for a in raised
    ]
    return pd.DataFrame(records)


def _progress(progress: pd.DataFrame) -> None:
    st.subheader("Baselines", anchor=False)
    if not len(progress):
        states.none("Warming up: no reading has arrived yet.")
        return
    shown = progress.assign(
        slice=[name if name else "all traffic" for name in progress["slice"]],
        progress=progress["collected"] / progress["needed"].clip(lower=1),
        state=[
            "ready" if warm else f"warming up {c:,} of {n:,}"
            for warm, c, n in zip(
                progress["warm"], progress["collected"], progress["needed"], strict=True
            )
        ],
    )
    table(
        shown[["slice", "state", "progress", "collected", "needed", "at"]],
        "baselines",
        {
            "progress": st.column_config.ProgressColumn("progress", min_value=0.0, max_value=1.0),
            "at": time_column("last reading"),
        },
    )
