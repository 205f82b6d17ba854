"""Charts as specifications: named axes, times in UTC, nothing from a sample outside the data."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from dashboard import charts, timelines
from tests.data_traffic import HOSTILE

AT = datetime(2026, 3, 4, 12, tzinfo=UTC)
SPAN = (AT, AT + timedelta(hours=1))
LABELS = ["a", *HOSTILE]


def _timeline(**columns: Any) -> pd.DataFrame:
    times = [AT + timedelta(minutes=n) for n in range(len(LABELS))]
    frame = pd.DataFrame({"at": times, "label": LABELS, **columns})
    return frame.assign(until=frame["at"] + pd.Timedelta(minutes=1))


ALARMS = pd.DataFrame({"raised": [AT], "what": [HOSTILE[0]]})
NONE = pd.DataFrame({"raised": [], "what": []})
SCORES = _timeline(value=0.5, low=0.4, high=0.6, n=5).assign(signal="judge score")
MIX = _timeline(samples=1, n=1, share=1.0)
ESTIMATES = pd.DataFrame(
    {"name": LABELS, "group": "x", "value": 0.5, "low": 0.4, "high": None, "n": 3}
)


def all_charts() -> dict[str, Any]:
    return {
        "scores": timelines.score_timeline(SCORES, ALARMS, SPAN),
        "scores without alarms": timelines.score_timeline(SCORES, NONE, SPAN),
        "mix": timelines.label_mix(MIX, LABELS, ALARMS, SPAN),
        "throughput": timelines.throughput(MIX.assign(per_second=0.1), SPAN),
        "intervals": charts.intervals(ESTIMATES, "score (0 to 1)"),
        "confusion": charts.confusion(
            pd.DataFrame({"known": LABELS, "given": LABELS, "samples": 1, "share": 1.0}), LABELS
        ),
        "propensities": charts.propensities(
            pd.DataFrame({"propensity": [0.0, 0.95], "route": "review", "samples": 3})
        ),
        "lines": timelines.stage_lines(
            SCORES.assign(stage="judge", lag=3), "lag", "records behind", SPAN
        ),
        "before and after": charts.before_after(MIX.assign(stretch="before"), LABELS),
    }


@pytest.mark.parametrize("name", list(all_charts()))
def test_chart_is_valid_and_its_axes_are_named(name: str) -> None:
    spec = all_charts()[name].to_dict()
    titles = {
        encoding[axis].get("title")
        for layer in spec.get("layer", [spec])
        for encoding in [layer.get("encoding", {})]
        for axis in ("x", "y")
        if "field" in encoding.get(axis, {})
    }
    assert titles - {None}
    if "at" in json.dumps(spec.get("encoding", spec)) and name != "intervals":
        assert "time (UTC)" in titles or name in {"confusion", "propensities", "before and after"}


@pytest.mark.parametrize("name", list(all_charts()))
def test_hostile_text_is_data_never_an_expression(name: str) -> None:
    spec = all_charts()[name].to_dict()
    fields = json.dumps([layer.get("encoding") for layer in spec.get("layer", [spec])])
    for text in HOSTILE:
        for key in ("field", "title", "expr", "test"):
            assert f'"{key}": {json.dumps(text)}' not in fields


def test_shares_are_stacked_in_the_order_of_the_labels() -> None:
    frame = pd.DataFrame(
        {"at": [AT, AT], "until": [SPAN[1]] * 2, "label": ["b", "a"], "samples": [1, 3],
         "n": [4, 4], "share": [0.25, 0.75]}
    )  # fmt: skip
    [rows] = timelines.label_mix(frame, ["a", "b"], NONE, SPAN).to_dict()["datasets"].values()
    assert [(r["label"], r["bottom"], r["top"]) for r in rows] == [("a", 0.0, 0.75), ("b", 0.75, 1)]
