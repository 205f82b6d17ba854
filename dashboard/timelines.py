"""Charts over time: pure functions, times in UTC, alarms marked in red."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import altair as alt
import pandas as pd

from dashboard.marks import Chart, axis, framed, label_colour, rows, tip
from dashboard.theme import CATEGORIES, RED, SEA, SIGNAL_COLOURS
from dashboard.words import decimal, moment, percent, scores

Span = tuple[datetime, datetime]


def score_timeline(frame: pd.DataFrame, alarms: pd.DataFrame, span: Span) -> Chart:
    """Mean scores with their 95 % band over time.

    Args:
        frame: at, signal, value, low, high, n.
        alarms: raised, what (empty when there are none).
        span: the ends of the time axis: from where the first bucket begins.
    """
    data = frame.assign(
        when=[moment(at) for at in frame["at"]],
        interval=[scores(row) for row in rows(frame)],
        mean=[decimal(value) for value in frame["value"]],
    )
    base = alt.Chart(data).encode(
        x=time_axis(span),
        color=alt.Color(
            "signal:N",
            title=None,
            scale=alt.Scale(domain=list(SIGNAL_COLOURS), range=list(SIGNAL_COLOURS.values())),
        ),
    )
    tooltip = [
        tip("when", "from"),
        tip("signal"),
        tip("mean"),
        tip("interval", "95 % interval"),
    ]
    low = min([0.5, *frame["low"].dropna(), *frame["value"]]) if len(frame) else 0.0
    scale = alt.Scale(domain=[max(0.0, low - 0.05), 1.0], clamp=True)
    band = base.mark_area(opacity=0.16).encode(
        y=alt.Y("low:Q", title="mean score (0 to 1)", scale=scale), y2="high:Q"
    )
    line = base.mark_line(strokeWidth=2).encode(y=alt.Y("value:Q", scale=scale))
    points = base.mark_circle(size=34, opacity=1).encode(
        y=alt.Y("value:Q", scale=scale), tooltip=tooltip
    )
    return framed(alt.layer(band, line, points, *_alarm_rules(alarms, span)))


def label_mix(frame: pd.DataFrame, order: Sequence[str], alarms: pd.DataFrame, span: Span) -> Chart:
    """Each label's share of every bucket, stacked to 100 %.

    Args:
        frame: at, until, label, samples, n, share.
        order: labels in the order of their colours.
        alarms: raised, what.
        span: the ends of the time axis.
    """
    data = frame.assign(
        when=[moment(at) for at in frame["at"]],
        part=[percent(share) for share in frame["share"]],
        rank=[order.index(label) if label in order else len(order) for label in frame["label"]],
    ).sort_values(["at", "rank"])
    top = data.groupby("at")["share"].cumsum()
    data = data.assign(top=top, bottom=top - data["share"])
    bars = (
        alt.Chart(data)
        .mark_rect(stroke="white", strokeWidth=0.6)
        .encode(
            x=time_axis(span),
            x2="until:T",
            y=alt.Y(
                "bottom:Q",
                title="share of labels",
                scale=alt.Scale(domain=[0, 1]),
                axis=axis(format="%", tickCount=5),
            ),
            y2="top:Q",
            color=label_colour(order),
            tooltip=[
                tip("when", "from"), tip("label"), tip("part", "share"),
                tip("samples"), tip("n", "n of the bucket"),
            ],
        )
    )  # fmt: skip
    return framed(alt.layer(bars, *_alarm_rules(alarms, span)))


def throughput(frame: pd.DataFrame, span: Span) -> Chart:
    """Samples per bucket as bars; frame: at, until, samples, per_second."""
    data = frame.assign(
        when=[moment(at) for at in frame["at"]],
        rate=[f"{value:.3g} per second" for value in frame["per_second"]],
        bottom=0,
    )
    bars = (
        alt.Chart(data)
        .mark_rect(color=SEA, stroke="white", strokeWidth=0.6)
        .encode(
            x=time_axis(span),
            x2="until:T",
            y=alt.Y("bottom:Q", title="samples per bucket", axis=axis(tickMinStep=1)),
            y2="samples:Q",
            tooltip=[tip("when", "from"), tip("samples"), tip("rate")],
        )
    )
    return framed(bars)


def stage_lines(frame: pd.DataFrame, column: str, title: str, span: Span) -> Chart:
    """One line per stage; frame: at, stage and the column named."""
    data = frame.assign(
        when=[moment(at) for at in frame["at"]], number=[f"{value:.3g}" for value in frame[column]]
    )
    stages = ["annotate", "judge", "route", "drift", "sink", "desk"]
    stages += sorted(set(frame["stage"]) - set(stages))
    base = alt.Chart(data).encode(
        x=time_axis(span),
        y=alt.Y(f"{column}:Q", title=title, axis=axis()),
        color=alt.Color(
            "stage:N", title=None, scale=alt.Scale(domain=stages, range=list(CATEGORIES))
        ),
    )
    line = base.mark_line(strokeWidth=2, opacity=0.85)
    points = base.mark_circle(size=22).encode(
        tooltip=[tip("when", "from"), tip("stage"), tip("number", title)]
    )
    return framed(alt.layer(line, points), 220)


def _alarm_rules(alarms: pd.DataFrame, span: Span) -> list[alt.Chart]:
    if not len(alarms):
        return []
    data = alarms.assign(when=[moment(at) for at in alarms["raised"]])
    base = alt.Chart(data).encode(x=time_axis(span, "raised:T"))
    tooltip = [tip("what", "alarm"), tip("when", "raised")]
    rule = base.mark_rule(color=RED, strokeDash=[5, 3], strokeWidth=1.6).encode(tooltip=tooltip)
    flag = base.mark_point(
        shape="triangle-down", color=RED, filled=True, size=110, opacity=1
    ).encode(y=alt.value(4), tooltip=tooltip)
    return [rule, flag]


def time_axis(span: Span, field: str = "at:T") -> alt.X:
    """The axis of time, from where the first bucket begins to the end of what is looked at."""
    domain = [
        alt.DateTime(
            year=at.year, month=at.month, date=at.day, hours=at.hour, minutes=at.minute,
            seconds=at.second, utc=True,
        )
        for at in span
    ]  # fmt: skip
    return alt.X(
        field,
        title="time (UTC)",
        scale=alt.Scale(type="utc", domain=domain, nice=False),
        axis=axis(grid=False, labelOverlap=True, tickCount=6, format=_clock(span)),
    )


def _clock(span: Span) -> str:
    length = span[1] - span[0]
    if length > timedelta(days=3):
        return "%b %d"
    if length > timedelta(days=1):
        return "%b %d %H:%M"
    return "%H:%M" if length > timedelta(minutes=15) else "%H:%M:%S"
