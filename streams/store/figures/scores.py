"""Judge scores and annotator confidence, each with its n and interval."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from agents.quality.intervals import Estimate
from streams.store.client import Store
from streams.store.figures.estimate import looks
from streams.store.figures.scope import AT, SLICES, Scope, results

SLICE_ROWS = 30

Mean = Callable[[int, float, float], Estimate]

_MOMENTS = """
    count(judge_score) AS judge_n, avgOrNull(judge_score) AS judge_mean,
    varSampOrNull(judge_score) AS judge_var,
    count(confidence) AS confidence_n, avgOrNull(confidence) AS confidence_mean,
    varSampOrNull(confidence) AS confidence_var"""

_SIGNALS = (("judge_score", "judge"), ("confidence", "confidence"))


@dataclass(frozen=True)
class Scores:
    """The mean judge score and confidence of a scope; missing scores are not counted as zero."""

    judge_score: Estimate
    confidence: Estimate


def scores(store: Store, scope: Scope, now: datetime) -> Scores:
    """Both means over the whole scope; at every look while it is open, at one when it is closed."""
    sql = f"SELECT {_MOMENTS} FROM results FINAL WHERE {results(scope)}"
    row = store.query(sql, scope.parameters)[0]
    mean = looks(scope, now).mean
    return Scores(_estimate(row, "judge", mean), _estimate(row, "confidence", mean))


def scores_over_time(store: Store, scope: Scope, now: datetime) -> pd.DataFrame:
    """Per bucket and signal: at, signal, value, low, high, n, kind; absent where there is no score.

    Buckets are windows of their own: the latest are open and their intervals hold at every look,
    the others are closed and have those for one look.
    """
    sql = f"""
        SELECT {AT} AS at, {_MOMENTS} FROM results FINAL
        WHERE {results(scope)} GROUP BY at ORDER BY at"""
    width = timedelta(seconds=scope.bucket_seconds)

    def mean_of(row: Any) -> Mean:
        return looks(replace(scope, end=min(row["at"] + width, scope.end)), now).mean

    return _long(store.query(sql, scope.parameters), "at", mean_of)


def scores_by_slice(store: Store, scope: Scope, now: datetime) -> pd.DataFrame:
    """Per slice and signal: slice, signal, value, low, high, n, kind; the 30 most common slices."""
    sql = f"""
        SELECT slice, {_MOMENTS} FROM results FINAL ARRAY JOIN {SLICES} AS slice
        WHERE {results(scope)} GROUP BY slice ORDER BY count() DESC, slice LIMIT {SLICE_ROWS}"""
    mean = looks(scope, now).mean
    return _long(store.query(sql, scope.parameters), "slice", lambda _: mean)


def _long(rows: Sequence[Any], by: str, mean_of: Callable[[Any], Mean]) -> pd.DataFrame:
    records = []
    for row in rows:
        for signal, prefix in _SIGNALS:
            e = _estimate(row, prefix, mean_of(row))
            if e.n:
                records.append((row[by], signal, e.value, e.low, e.high, e.n, e.kind))
    return pd.DataFrame(records, columns=[by, "signal", "value", "low", "high", "n", "kind"])


def _estimate(row: Any, prefix: str, mean_of: Mean) -> Estimate:
    n, mean, variance = (row[f"{prefix}_{part}"] for part in ("n", "mean", "var"))
    usable = variance is not None and math.isfinite(variance)
    return mean_of(n, mean or 0.0, variance if usable else 0.0)
