"""Charts of the review queue: pure functions from frame to chart."""

from collections.abc import Sequence

import altair as alt
import pandas as pd

from dashboard.marks import Chart, axis, framed, tip
from dashboard.theme import AMBER, GREEN, GREY, RED, SEA, VIOLET
from dashboard.timelines import Span, time_axis
from dashboard.words import moment

AGE_COLOURS = ("#9fc9d6", "#5b9fb5", SEA, AMBER, RED)
"""From fresh to old."""

FLOW_COLOURS = (SEA, GREEN, VIOLET, GREY)


def waiting(frame: pd.DataFrame, ages: Sequence[str]) -> Chart:
    """Items that wait, by lane and age; frame: lane, age, samples."""
    data = frame.assign(
        rank=[list(ages).index(age) for age in frame["age"]],
        total=frame.groupby("lane")["samples"].transform("sum"),
    )
    bars = (
        alt.Chart(data)
        .mark_bar(stroke="white", strokeWidth=0.8, height={"band": 0.7})
        .encode(
            y=alt.Y(
                "lane:N",
                title="lane",
                sort=alt.EncodingSortField("total", order="descending"),
                axis=axis(labelLimit=160),
            ),
            x=alt.X("samples:Q", title="items waiting", axis=axis(tickMinStep=1)),
            color=alt.Color(
                "age:N",
                title="waiting for",
                legend=alt.Legend(columns=3),
                scale=alt.Scale(domain=list(ages), range=list(AGE_COLOURS)),
            ),
            order=alt.Order("rank:Q"),
            tooltip=[tip("lane"), tip("age", "waiting for"), tip("samples", "items")],
        )
    )
    return framed(bars, 150 + 40 * frame["lane"].nunique())


def flow(frame: pd.DataFrame, flows: Sequence[str], span: Span) -> Chart:
    """What came to the queue and left it; frame: at, what, samples."""
    data = frame.assign(when=[moment(at) for at in frame["at"]])
    shown = [what for what in flows if what in set(frame["what"])]
    colours = dict(zip(flows, FLOW_COLOURS, strict=True))
    base = alt.Chart(data).encode(
        x=time_axis(span),
        y=alt.Y("samples:Q", title="items per bucket", axis=axis(tickMinStep=1)),
        color=alt.Color(
            "what:N",
            title=None,
            scale=alt.Scale(domain=shown, range=[colours[what] for what in shown]),
        ),
    )
    line = base.mark_line(strokeWidth=2, opacity=0.85)
    points = base.mark_circle(size=34, opacity=1).encode(
        tooltip=[tip("when", "from"), tip("what"), tip("samples", "items")]
    )
    return framed(alt.layer(line, points))
