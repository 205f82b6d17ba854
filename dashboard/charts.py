"""Charts of counts and estimates: pure functions from frame to chart, every axis named."""

from collections.abc import Sequence

import altair as alt
import pandas as pd

from dashboard.marks import Chart, axis, framed, label_colour, rows, tip
from dashboard.theme import CATEGORIES, INK, SEA, SIGNAL_COLOURS
from dashboard.words import decimal, percent, scores


def bars(frame: pd.DataFrame, colours: dict[str, str]) -> Chart:
    """Counts as horizontal bars with the number at their end; frame: name, samples, share."""
    base = alt.Chart(frame).encode(
        y=alt.Y("name:N", title=None, sort=list(frame["name"]), axis=axis(labelLimit=220)),
        x=alt.X("samples:Q", title=None, axis=None),
    )
    drawn = base.mark_bar(cornerRadiusEnd=3, height={"band": 0.72}).encode(
        color=alt.Color(
            "name:N",
            legend=None,
            scale=alt.Scale(domain=list(colours), range=list(colours.values())),
        ),
        tooltip=[tip("name", "state"), tip("samples"), tip("part", "share")],
    )
    text = base.mark_text(align="left", dx=5, color=INK).encode(text="caption:N")
    return framed(alt.layer(drawn, text), max(140, 38 * len(frame)))


def intervals(frame: pd.DataFrame, title: str) -> Chart:
    """Estimates as dots with their 95 % intervals, one row each.

    Args:
        frame: name, group, value, low, high, n; `group` picks the colour.
        title: what the axis measures, with its unit.
    """
    groups = list(dict.fromkeys(frame["group"]))
    colours = [SIGNAL_COLOURS.get(group, CATEGORIES[i % 8]) for i, group in enumerate(groups)]
    data = frame.assign(
        estimate=[decimal(value) for value in frame["value"]],
        interval=[scores(row) for row in rows(frame)],
        caption=[f"{decimal(row.value)}  ({scores(row)})" for row in rows(frame)],
    )
    known = pd.concat([frame["low"].dropna(), frame["value"].dropna()])
    low = float(known.min()) if len(known) else 0.0
    scale = alt.Scale(domain=[max(0.0, low - 0.08), 1.0])
    base = alt.Chart(data).encode(
        y=alt.Y("name:N", title=None, sort=None, axis=axis(labelLimit=260)),
        yOffset=alt.YOffset("group:N", sort=groups),
        color=alt.Color(
            "group:N",
            title=None,
            legend=alt.Legend() if len(groups) > 1 else None,
            scale=alt.Scale(domain=groups, range=colours),
        ),
        tooltip=[
            tip("name"), tip("group", "what"), tip("estimate"), tip("interval", "95 % interval")
        ],
    )  # fmt: skip
    rule = base.mark_rule(strokeWidth=2.4, opacity=0.55).encode(
        x=alt.X("low:Q", title=title, scale=scale, axis=axis()), x2="high:Q"
    )
    dot = base.mark_circle(size=70, opacity=1).encode(x=alt.X("value:Q", scale=scale))
    height = 90 + (18 + 10 * len(groups)) * frame["name"].nunique()
    return framed(alt.layer(rule, dot), height)


def confusion(frame: pd.DataFrame, order: Sequence[str]) -> Chart:
    """Known against given labels; frame: known, given, samples, share (of the known label)."""
    data = frame.assign(part=[percent(share) for share in frame["share"]])
    base = alt.Chart(data).encode(
        x=alt.X(
            "given:N",
            title="label given",
            sort=list(order),
            axis=axis(labelAngle=0 if len(order) <= 4 else -40, labelLimit=140, domain=False),  # noqa: PLR2004
        ),
        y=alt.Y("known:N", title="known label", sort=list(order), axis=axis(labelLimit=160)),
        tooltip=[
            tip("known", "known label"), tip("given", "label given"), tip("samples"),
            tip("part", "of the known label"),
        ],
    )  # fmt: skip
    cells = base.mark_rect(stroke="white", strokeWidth=2).encode(
        color=alt.Color(
            "share:Q",
            legend=None,
            scale=alt.Scale(domain=[0, 1], range=["#eef4f6", SEA]),
        )
    )
    text = base.mark_text(fontSize=13).encode(
        text="samples:Q",
        color=alt.condition("datum.share > 0.55", alt.value("white"), alt.value(INK)),
    )
    return framed(alt.layer(cells, text), 90 + 48 * len(order))


def propensities(frame: pd.DataFrame) -> Chart:
    """How many samples had which recorded probability of review, split by what became of them."""
    data = frame.assign(upto=frame["propensity"] + 0.05)
    top = data.groupby("propensity")["samples"].cumsum()
    data = data.assign(top=top, bottom=top - data["samples"])
    chart = (
        alt.Chart(data)
        .mark_rect(stroke="white", strokeWidth=0.6)
        .encode(
            x=alt.X(
                "propensity:Q",
                title="recorded probability of review (π)",
                scale=alt.Scale(domain=[0, 1]),
                axis=axis(format="%", tickCount=6),
            ),
            x2="upto:Q",
            y=alt.Y("bottom:Q", title="samples", axis=axis(tickMinStep=1)),
            y2="top:Q",
            color=alt.Color(
                "route:N",
                title=None,
                scale=alt.Scale(domain=["accepted", "review"], range=[SEA, CATEGORIES[1]]),
            ),
            tooltip=[tip("route"), tip("propensity", "π from"), tip("samples")],
        )
    )
    return framed(chart, 240)


def before_after(frame: pd.DataFrame, order: Sequence[str]) -> Chart:
    """Two label mixes as stacked bars; frame: stretch, label, share, n."""
    data = frame.assign(
        part=[percent(share) for share in frame["share"]],
        rank=[order.index(label) if label in order else len(order) for label in frame["label"]],
    )
    chart = (
        alt.Chart(data)
        .mark_bar(stroke="white", strokeWidth=0.8, height={"band": 0.62})
        .encode(
            y=alt.Y(
                "stretch:N", title=None, sort=list(frame["stretch"].unique()),
                axis=axis(labelLimit=200),
            ),
            x=alt.X(
                "share:Q", title="share of labels", stack="normalize", axis=axis(format="%")
            ),
            color=label_colour(order),
            order=alt.Order("rank:Q"),
            tooltip=[tip("stretch"), tip("label"), tip("part", "share"), tip("n")],
        )
    )  # fmt: skip
    return framed(chart, 180)
