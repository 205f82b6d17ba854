"""What every chart is made of: one look for axes, tooltips and colours."""

from collections.abc import Iterator, Sequence
from typing import Any

import altair as alt
import pandas as pd

from dashboard.theme import CATEGORIES, GREY, GRID, INK, QUIET

HEIGHT = 290
Chart = alt.Chart | alt.LayerChart | alt.FacetChart


def rows(frame: pd.DataFrame) -> Iterator[Any]:
    """The frame's rows, columns as attributes."""
    return iter(frame.itertuples())


def label_colour(order: Sequence[str]) -> alt.Color:
    """One colour per label, the same in every chart; beyond eight labels all are grey."""
    colours = [*CATEGORIES, *[GREY] * len(order)][: len(order)]
    return alt.Color(
        "label:N", title=None, scale=alt.Scale(domain=list(order), range=colours),
        legend=alt.Legend(labelLimit=170, columns=2),
    )  # fmt: skip


def axis(**changes: Any) -> alt.Axis:
    """An axis in the common look; changes are Altair's own arguments."""
    look = {"titleColor": QUIET, "labelColor": QUIET, "gridColor": GRID, "domainColor": GRID}
    return alt.Axis(**{**look, "tickColor": GRID, **changes})


def tip(field: str, title: str | None = None) -> alt.Tooltip:
    """One line of a tooltip."""
    kind = "Q" if field in {"samples", "n", "propensity"} else "N"
    return alt.Tooltip(f"{field}:{kind}", title=title or field)


def framed(chart: Chart, height: int = HEIGHT) -> Chart:
    """The finished chart, as wide as its place."""
    finished: Chart = (
        chart.properties(height=height)
        .configure_view(strokeWidth=0)
        .configure_legend(orient="top", titleColor=QUIET, labelColor=INK, offset=4, symbolOpacity=1)
    )
    return finished
