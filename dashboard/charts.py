"""Frame to chart: pure functions, one palette, every axis named with its unit, all times in UTC."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import altair as alt
import pandas as pd

from dashboard.theme import CATEGORIES, GREY, GRID, INK, QUIET, RED, SEA, SIGNAL_COLOURS
from dashboard.words import decimal, moment, percent, scores

HEIGHT = 290
Span = tuple[datetime, datetime]
Chart = alt.Chart | alt.LayerChart


def score_timeline(frame: pd.DataFrame, alarms: pd.DataFrame, span: Span) -> Chart:
    """Mean scores with their 95 % band over time.

    Args:
        frame: at, signal, value, low, high, n.
        alarms: raised, what (empty when there are none).
        span: the ends of the time axis.
    """
    data = frame.assign(
        when=[moment(at) for at in frame["at"]],
        interval=[scores(row) for row in frame.itertuples()],
        mean=[decimal(value) for value in frame["value"]],
    )
    base = alt.Chart(data).encode(
        x=_time(span),
        color=alt.Color(
            "signal:N",
            title=None,
            scale=alt.Scale(domain=list(SIGNAL_COLOURS), range=list(SIGNAL_COLOURS.values())),
        ),
    )
    tooltip = [
        _tip("when", "from"),
        _tip("signal"),
        _tip("mean"),
        _tip("interval", "95 % interval"),
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
    return _framed(alt.layer(band, line, points, *_alarm_rules(alarms, span)))


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
            x=_time(span),
            x2="until:T",
            y=alt.Y(
                "bottom:Q",
                title="share of labels",
                scale=alt.Scale(domain=[0, 1]),
                axis=_axis(format="%", tickCount=5),
            ),
            y2="top:Q",
            color=label_colour(order),
            tooltip=[
                _tip("when", "from"), _tip("label"), _tip("part", "share"),
                _tip("samples"), _tip("n", "n of the bucket"),
            ],
        )
    )  # fmt: skip
    return _framed(alt.layer(bars, *_alarm_rules(alarms, span)))


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
            x=_time(span),
            x2="until:T",
            y=alt.Y("bottom:Q", title="samples per bucket", axis=_axis(tickMinStep=1)),
            y2="samples:Q",
            tooltip=[_tip("when", "from"), _tip("samples"), _tip("rate")],
        )
    )
    return _framed(bars)


def bars(frame: pd.DataFrame, colours: dict[str, str]) -> Chart:
    """Counts as horizontal bars with the number at their end; frame: name, samples, share."""
    base = alt.Chart(frame).encode(
        y=alt.Y("name:N", title=None, sort=list(frame["name"]), axis=_axis(labelLimit=220)),
        x=alt.X("samples:Q", title=None, axis=None),
    )
    drawn = base.mark_bar(cornerRadiusEnd=3, height={"band": 0.72}).encode(
        color=alt.Color(
            "name:N",
            legend=None,
            scale=alt.Scale(domain=list(colours), range=list(colours.values())),
        ),
        tooltip=[_tip("name", "state"), _tip("samples"), _tip("part", "share")],
    )
    text = base.mark_text(align="left", dx=5, color=INK).encode(text="caption:N")
    return _framed(alt.layer(drawn, text), max(140, 38 * len(frame)))


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
        interval=[scores(row) for row in frame.itertuples()],
        caption=[f"{decimal(row.value)}  ({scores(row)})" for row in frame.itertuples()],
    )
    known = pd.concat([frame["low"].dropna(), frame["value"].dropna()])
    low = float(known.min()) if len(known) else 0.0
    scale = alt.Scale(domain=[max(0.0, low - 0.08), 1.0])
    base = alt.Chart(data).encode(
        y=alt.Y("name:N", title=None, sort=None, axis=_axis(labelLimit=260)),
        yOffset=alt.YOffset("group:N", sort=groups),
        color=alt.Color(
            "group:N",
            title=None,
            legend=alt.Legend() if len(groups) > 1 else None,
            scale=alt.Scale(domain=groups, range=colours),
        ),
        tooltip=[
            _tip("name"), _tip("group", "what"), _tip("estimate"), _tip("interval", "95 % interval")
        ],
    )  # fmt: skip
    rule = base.mark_rule(strokeWidth=2.4, opacity=0.55).encode(
        x=alt.X("low:Q", title=title, scale=scale, axis=_axis()), x2="high:Q"
    )
    dot = base.mark_circle(size=70, opacity=1).encode(x=alt.X("value:Q", scale=scale))
    rows = len(frame["name"].unique())
    return _framed(alt.layer(rule, dot), 90 + (18 + 10 * len(groups)) * rows)


def confusion(frame: pd.DataFrame, order: Sequence[str]) -> Chart:
    """Known against given labels; frame: known, given, samples, share (of the known label)."""
    data = frame.assign(part=[percent(share) for share in frame["share"]])
    base = alt.Chart(data).encode(
        x=alt.X(
            "given:N",
            title="label given",
            sort=list(order),
            axis=_axis(labelAngle=0 if len(order) <= 4 else -40, labelLimit=140, domain=False),  # noqa: PLR2004
        ),
        y=alt.Y("known:N", title="known label", sort=list(order), axis=_axis(labelLimit=160)),
        tooltip=[
            _tip("known", "known label"), _tip("given", "label given"), _tip("samples"),
            _tip("part", "of the known label"),
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
    return _framed(alt.layer(cells, text), 90 + 48 * len(order))


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
                axis=_axis(format="%", tickCount=6),
            ),
            x2="upto:Q",
            y=alt.Y("bottom:Q", title="samples", axis=_axis(tickMinStep=1)),
            y2="top:Q",
            color=alt.Color(
                "route:N",
                title=None,
                scale=alt.Scale(domain=["accepted", "review"], range=[SEA, CATEGORIES[1]]),
            ),
            tooltip=[_tip("route"), _tip("propensity", "π from"), _tip("samples")],
        )
    )
    return _framed(chart, 240)


def stage_lines(frame: pd.DataFrame, column: str, title: str, span: Span) -> Chart:
    """One line per stage; frame: at, stage and the column named."""
    data = frame.assign(
        when=[moment(at) for at in frame["at"]], number=[f"{value:.3g}" for value in frame[column]]
    )
    stages = ["annotate", "judge", "route", "drift", "sink"]
    stages += sorted(set(frame["stage"]) - set(stages))
    base = alt.Chart(data).encode(
        x=_time(span),
        y=alt.Y(f"{column}:Q", title=title, axis=_axis()),
        color=alt.Color(
            "stage:N", title=None, scale=alt.Scale(domain=stages, range=list(CATEGORIES))
        ),
    )
    line = base.mark_line(strokeWidth=2, opacity=0.85)
    points = base.mark_circle(size=22).encode(
        tooltip=[_tip("when", "from"), _tip("stage"), _tip("number", title)]
    )
    return _framed(alt.layer(line, points), 220)


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
                axis=_axis(labelLimit=200),
            ),
            x=alt.X(
                "share:Q", title="share of labels", stack="normalize", axis=_axis(format="%")
            ),
            color=label_colour(order),
            order=alt.Order("rank:Q"),
            tooltip=[_tip("stretch"), _tip("label"), _tip("part", "share"), _tip("n")],
        )
    )  # fmt: skip
    return _framed(chart, 180)


def label_colour(order: Sequence[str]) -> alt.Color:
    """One colour per label, the same in every chart; beyond eight labels all are grey."""
    colours = [*CATEGORIES, *[GREY] * len(order)][: len(order)]
    return alt.Color(
        "label:N", title=None, scale=alt.Scale(domain=list(order), range=colours),
        legend=alt.Legend(labelLimit=130, columns=3),
    )  # fmt: skip


def _alarm_rules(alarms: pd.DataFrame, span: Span) -> list[alt.Chart]:
    if not len(alarms):
        return []
    data = alarms.assign(when=[moment(at) for at in alarms["raised"]])
    base = alt.Chart(data).encode(x=_time(span, "raised:T"))
    tooltip = [_tip("what", "alarm"), _tip("when", "raised")]
    rule = base.mark_rule(color=RED, strokeDash=[5, 3], strokeWidth=1.6).encode(tooltip=tooltip)
    flag = base.mark_point(
        shape="triangle-down", color=RED, filled=True, size=110, opacity=1
    ).encode(y=alt.value(4), tooltip=tooltip)
    return [rule, flag]


def _time(span: Span, field: str = "at:T") -> alt.X:
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
        axis=_axis(grid=False, labelOverlap=True, tickCount=6, format=_clock(span)),
    )


def _clock(span: Span) -> str:
    length = span[1] - span[0]
    if length > timedelta(days=3):
        return "%b %d"
    return "%b %d %H:%M" if length > timedelta(days=1) else "%H:%M"


def _axis(**changes: object) -> alt.Axis:
    look = {"titleColor": QUIET, "labelColor": QUIET, "gridColor": GRID, "domainColor": GRID}
    return alt.Axis(**{**look, "tickColor": GRID, **changes})


def _tip(field: str, title: str | None = None) -> alt.Tooltip:
    kind = "Q" if field in {"samples", "n", "propensity"} else "N"
    return alt.Tooltip(f"{field}:{kind}", title=title or field)


def _framed(chart: Chart, height: int = HEIGHT) -> Chart:
    framed: Chart = (
        chart.properties(height=height)
        .configure_view(strokeWidth=0)
        .configure_legend(orient="top", titleColor=QUIET, labelColor=INK, offset=4, symbolOpacity=1)
    )
    return framed
