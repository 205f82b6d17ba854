"""Where samples were sent, and with which recorded probability of review."""

import pandas as pd

from streams.store.client import Store
from streams.store.figures.scope import Scope, facts, results

ACCEPTED = "(accepted)"


def lanes(store: Store, scope: Scope) -> pd.DataFrame:
    """Routed samples per lane: lane, samples, share, audited, and their recorded propensities.

    Columns `propensity_low`, `propensity_mean`, `propensity_high`; `decided` counts results that
    people have decided. Samples that no lane took are `(accepted)`.
    """
    sql = f"""
        SELECT if(lane = '', '{ACCEPTED}', lane) AS lane, count() AS samples,
               samples / sum(samples) OVER () AS share, countIf(audit) AS audited,
               min(propensity) AS propensity_low, avg(propensity) AS propensity_mean,
               max(propensity) AS propensity_high,
               countIf(result_id IN (
                   SELECT result_id FROM outcomes FINAL
                   WHERE {facts(scope)} AND state = 'reviewed')) AS decided
        FROM results FINAL WHERE {results(scope)} AND propensity IS NOT NULL
        GROUP BY lane ORDER BY lane != '{ACCEPTED}', samples DESC, lane"""
    return store.frame(sql, scope.parameters)


def propensities(store: Store, scope: Scope) -> pd.DataFrame:
    """How the recorded propensities spread, in twentieths: propensity (from), route, samples."""
    sql = f"""
        SELECT least(floor(r.propensity * 20), 19) / 20 AS propensity,
               if(lane = '', 'accepted', 'review') AS route, count() AS samples
        FROM results AS r FINAL WHERE {results(scope)} AND r.propensity IS NOT NULL
        GROUP BY propensity, route ORDER BY propensity, route"""
    return store.frame(sql, scope.parameters)


def missing(store: Store, scope: Scope) -> pd.DataFrame:
    """Why annotations and verdicts are not there: part, why, detail (one of them), samples."""
    parts = [
        f"""SELECT '{part}' AS part, {part}_missing AS why, min({part}_detail) AS detail,
                   count() AS samples
            FROM results FINAL WHERE {results(scope)} AND {part}_missing != '' GROUP BY why"""
        for part in ("annotation", "verdict")
    ]
    sql = f"SELECT * FROM ({' UNION ALL '.join(parts)}) ORDER BY samples DESC, part, why"
    return store.frame(sql, scope.parameters)
