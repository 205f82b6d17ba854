"""Judge scores and annotator confidence, each with its n and interval."""

import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from agents.quality.intervals import Estimate, mean_interval
from streams.store.client import Store
from streams.store.figures.scope import AT, SLICES, Scope, results

SLICE_ROWS = 30

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


def scores(store: Store, scope: Scope) -> Scores:
    """Both means over the whole scope."""
    sql = f"SELECT {_MOMENTS} FROM results FINAL WHERE {results(scope)}"
    row = store.query(sql, scope.parameters)[0]
    return Scores(_estimate(row, "judge"), _estimate(row, "confidence"))


def scores_over_time(store: Store, scope: Scope) -> pd.DataFrame:
    """Per bucket and signal: at, signal, value, low, high, n; buckets without scores are absent."""
    sql = f"""
        SELECT {AT} AS at, {_MOMENTS} FROM results FINAL
        WHERE {results(scope)} GROUP BY at ORDER BY at"""
    return _long(store.query(sql, scope.parameters), "at")


def scores_by_slice(store: Store, scope: Scope) -> pd.DataFrame:
    """Per slice and signal: slice, signal, value, low, high, n; the 30 most common slices."""
    sql = f"""
        SELECT slice, {_MOMENTS} FROM results FINAL ARRAY JOIN {SLICES} AS slice
        WHERE {results(scope)} GROUP BY slice ORDER BY count() DESC, slice LIMIT {SLICE_ROWS}"""
    return _long(store.query(sql, scope.parameters), "slice")


def _long(rows: list[dict[Hashable, Any]] | list[dict[str, Any]], by: str) -> pd.DataFrame:
    records = []
    for row in rows:
        for signal, prefix in _SIGNALS:
            e = _estimate(row, prefix)
            if e.n:
                records.append((row[by], signal, e.value, e.low, e.high, e.n))
    return pd.DataFrame(records, columns=[by, "signal", "value", "low", "high", "n"])


def _estimate(row: Any, prefix: str) -> Estimate:
    n, mean, variance = (row[f"{prefix}_{part}"] for part in ("n", "mean", "var"))
    usable = variance is not None and math.isfinite(variance)
    return mean_interval(n, mean or 0.0, variance if usable else 0.0)
