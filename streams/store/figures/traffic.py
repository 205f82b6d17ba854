"""How much comes in and what labels it gets, over time."""

import pandas as pd

from streams.store.client import Store
from streams.store.figures.scope import (
    ANNOTATED,
    AT,
    FROM,
    UNTIL,
    Scope,
    bucket_of,
    results,
    tagged,
)

LABEL_LIMIT = 8
OTHER_LABELS = "(other labels)"


def samples_in(store: Store, scope: Scope) -> pd.DataFrame:
    """Samples per bucket: at, samples, per_second; buckets without samples are there with 0."""
    sql = f"""
        SELECT {AT} AS at, count() AS samples, count() / {{bucket:UInt32}} AS per_second
        FROM samples FINAL WHERE {tagged(scope)}
        GROUP BY at ORDER BY at
        WITH FILL FROM {bucket_of(FROM)} TO {UNTIL} STEP toIntervalSecond({scope.bucket_seconds})"""
    return store.frame(sql, scope.parameters)


def label_mix(store: Store, scope: Scope) -> pd.DataFrame:
    """Labels per bucket: at, label, samples, n (of the bucket), share.

    A multilabel task's label sets count as one label each. Beyond the eight most common labels
    of the scope all are one.
    """
    where = f"{results(scope)} AND {ANNOTATED}"
    sql = f"""
        WITH (SELECT groupArray(label) FROM (
                SELECT label FROM results FINAL WHERE {where}
                GROUP BY label ORDER BY count() DESC, label LIMIT {LABEL_LIMIT})) AS common
        SELECT at, label, samples, sum(samples) OVER (PARTITION BY at) AS n, samples / n AS share
        FROM (
            SELECT {AT} AS at, if(has(common, r.label), r.label, '{OTHER_LABELS}') AS label,
                   count() AS samples
            FROM results AS r FINAL WHERE {where.replace("annotation_id", "r.annotation_id")}
            GROUP BY at, label)
        ORDER BY at, label"""
    return store.frame(sql, scope.parameters)


def labels(store: Store, scope: Scope) -> tuple[str, ...]:
    """The labels given in the scope, the most common first, at most 200."""
    sql = f"""
        SELECT label FROM results FINAL WHERE {results(scope)} AND {ANNOTATED}
        GROUP BY label ORDER BY count() DESC, label LIMIT 200"""
    return tuple(row["label"] for row in store.query(sql, scope.parameters))
